-- store::provisioning::lease_order
-- Nobody else works on the order while the lease runs; no row when somebody does, or when nothing is left to do.
with leased as (
    update provisioning_orders
    set lease = $2, leased_until = now() + make_interval(secs => $3), attempts = attempts + 1, updated_at = now()
    where id = $1 and state not in ('active', 'canceled', 'needs_attention')
      and (leased_until is null or leased_until < now())
    returning *)
select l.id, l.workspace_id, l.attempts, l.area_code, l.number_type, l.phone_number, l.phone_number_id,
       w.name, w.preferred_area_code, w.is_active and w.subscription_tier <> 'starter' as entitled,
       l.wanted_number
from leased l join workspaces w on w.id = l.workspace_id
