-- store::limits::list_refusals
select day, workspace_id, code, count from list_refusals($1)
