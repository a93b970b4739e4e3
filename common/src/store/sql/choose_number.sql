-- store::provisioning::choose_number
-- The chosen number is on record before it is asked for.
update provisioning_orders
set state = 'purchasing', phone_number = $3, reason = null, updated_at = now()
where id = $1 and lease = $2
returning id
