-- store::reconcile::pending_readiness
select phone_number_id, phone_number, is_asked from pending_readiness($1)
