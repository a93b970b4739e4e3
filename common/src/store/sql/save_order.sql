-- store::provisioning::save_order
-- Where an order stands. With a state that ends the work the lease is given back.
update provisioning_orders
set state = $3, reason = $4, next_attempt_at = now() + make_interval(secs => $5),
    phone_number = case when $6 then null else phone_number end,
    leased_until = case when $3 in ('searching', 'purchasing', 'configuring') then leased_until end,
    updated_at = now()
where id = $1 and lease = $2
returning id
