-- store::reconcile::due_releases
select r.phone_number_id from phone_number_releases r
where r.released_at is null and r.release_at <= now() and r.next_attempt_at <= now()
order by r.next_attempt_at
limit $1
