-- store::reconcile::pending_readiness
select r.phone_number_id, n.phone_number, r.campaign_order_id is not null
from phone_number_readiness r join workspace_phone_numbers n on n.id = r.phone_number_id
where r.messaging_readiness in ('pending', 'failed') and n.status <> 'released'
order by r.updated_at
limit $1
