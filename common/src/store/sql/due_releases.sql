-- store::reconcile::due_releases
select due_releases($1)
