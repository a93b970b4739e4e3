-- store::reconcile::finish_run
select finish_run($1, $2)
