-- store::reconcile::begin_run
insert into reconciler_runs (id, schedule) values ($1, $2) on conflict (id) do nothing
