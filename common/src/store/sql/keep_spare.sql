-- store::reconcile::keep_spare
insert into spare_numbers (phone_number, phone_number_sid, order_id, reason) values ($1, $2, $3, $4)
on conflict (phone_number) do update set phone_number_sid = excluded.phone_number_sid, reason = excluded.reason, released_at = null
