-- store::provisioning::find_release
select n.id, n.phone_number_sid, r.attempts
from phone_number_releases r join workspace_phone_numbers n on n.id = r.phone_number_id
where r.phone_number_id = $1 and r.released_at is null and r.next_attempt_at <= now()
