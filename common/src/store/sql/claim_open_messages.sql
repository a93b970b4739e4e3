-- store::reconcile::claim_open_messages
select id, workspace_id, external_id, channel, direction, status, sender_phone, recipient_phone, connect_phone, body, created_at
from claim_open_messages($1)
