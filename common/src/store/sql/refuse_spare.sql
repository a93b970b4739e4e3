-- store::provisioning::refuse_spare
-- It could not be taken over: no order tries again today, and not at all when the carrier does not have it any more.
update spare_numbers
set reason = $2, leased_until = now() + interval '1 day', released_at = case when $3 then now() end
where phone_number = $1
