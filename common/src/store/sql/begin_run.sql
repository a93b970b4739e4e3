-- store::reconcile::begin_run
select begin_run($1, $2)
