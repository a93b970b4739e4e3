-- store::provisioning::record_readiness
-- "pending" may come late and twice: it never takes back an outcome. A number of which nothing was known gets its row.
insert into phone_number_readiness as r (phone_number_id, workspace_id, messaging_readiness, reason)
select n.id, n.workspace_id, $2, $3
from workspace_phone_numbers n
where n.phone_number = $1 and n.status <> 'released'
on conflict (phone_number_id) do update
set messaging_readiness = excluded.messaging_readiness, reason = excluded.reason, updated_at = now()
where (excluded.messaging_readiness <> 'pending' or r.messaging_readiness = 'pending')
  and (r.messaging_readiness, r.reason) is distinct from (excluded.messaging_readiness, excluded.reason)
