-- store::provisioning::retry_order
select retry_order($1, $2)
