-- store::reconcile::keep_spare
-- The carrier keeps it for now, so the next order may have it.
update spare_numbers set reason = $2, leased_until = null where phone_number = $1
