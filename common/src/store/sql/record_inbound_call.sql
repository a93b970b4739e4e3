-- store::calls::record_inbound_call
select outcome, workspace_id, workspace_name, message_id, forward_to, greeting
from record_inbound_call($1, $2, $3, $4, $5, $6, $7, $8)
