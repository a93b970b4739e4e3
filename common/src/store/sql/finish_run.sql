-- store::reconcile::finish_run
-- a look at an empty outbox, once a minute, leaves no trace
with forgotten as (
    delete from reconciler_runs
    where id = $1 and schedule = 'minute' and $2 -> 'counts' = '{}' and ($2 ->> 'complete')::boolean)
update reconciler_runs set finished_at = now(), report = $2
where id = $1 and not (schedule = 'minute' and $2 -> 'counts' = '{}' and ($2 ->> 'complete')::boolean)
