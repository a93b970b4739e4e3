-- store::reconcile::adopt_orphan
select adopt_orphan($1, $2, $3)
