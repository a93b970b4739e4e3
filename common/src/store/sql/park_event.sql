-- store::provisioning::park_event
insert into parked_events (record_id, reason, body) values ($1, $2, $3) on conflict (record_id) do nothing
