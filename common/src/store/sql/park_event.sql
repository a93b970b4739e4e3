-- store::provisioning::park_event
select park_event($1, $2, $3)
