-- store::provisioning::request_number
-- The workspace's row first: the event may be the first that we hear of it.
with tenant as (select upsert_workspace($1, $2, $3, $4, $5, null, $6, false) as row)
select request_number($7, (tenant.row).id, $8, $9, $10, $11) from tenant
