-- store::reconcile::finish_run
update reconciler_runs set finished_at = now(), report = $2 where id = $1
