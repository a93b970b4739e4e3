-- store::outbound::begin_outbound
select outcome, detail, from_phone, conversation_id, message_id, answer, created_at, send_at, retry_after_seconds, max_price
from begin_outbound($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
