-- store::provisioning::record_readiness
update phone_number_readiness r
set messaging_readiness = $2, reason = $3, updated_at = now()
from workspace_phone_numbers n
where n.id = r.phone_number_id and n.phone_number = $1 and n.status <> 'released'
