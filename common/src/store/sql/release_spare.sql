-- store::reconcile::release_spare
update spare_numbers set released_at = now() where phone_number = $1 and released_at is null
