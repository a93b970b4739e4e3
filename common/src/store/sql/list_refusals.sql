-- store::limits::list_refusals
select day::text, workspace_id, code, count from refusals where day >= (now() at time zone 'UTC')::date - $1::integer order by day, workspace_id, code
