-- store::inbound::record_inbound_message
select outcome, workspace_id, workspace_name, conversation_id, message_id, reply
from record_inbound_message($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
