-- store::reconcile::due_orders
-- Those whose time has come, and those whose worker is gone.
select id from provisioning_orders
where (leased_until is null or leased_until < now())
  and ((state = 'retrying' and coalesce(next_attempt_at, now()) <= now())
       or state in ('requested', 'searching', 'purchasing', 'configuring'))
order by next_attempt_at nulls first, created_at
limit $1
