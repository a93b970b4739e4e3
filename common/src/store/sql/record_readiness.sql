-- store::provisioning::record_readiness
select record_readiness($1, $2, $3)
