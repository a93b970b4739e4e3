-- store::outbound::begin_resend
select outcome, detail, from_phone, conversation_id, message_id, answer, created_at, send_at, retry_after_seconds, max_price, request
from begin_resend($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
