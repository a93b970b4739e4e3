-- store::provisioning::save_release
-- Released, when there is no error; else when it is tried again.
with job as (
    update phone_number_releases
    set attempts = attempts + 1, last_error = $2,
        released_at = case when $2::text is null then now() end,
        next_attempt_at = now() + make_interval(secs => $3)
    where phone_number_id = $1
    returning phone_number_id, released_at)
update workspace_phone_numbers n
set status = 'released', released_at = job.released_at, updated_at = now()
from job where n.id = job.phone_number_id and job.released_at is not null
