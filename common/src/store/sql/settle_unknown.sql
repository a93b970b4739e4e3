-- store::reconcile::settle_unknown
select settle_unknown($1, $2)
