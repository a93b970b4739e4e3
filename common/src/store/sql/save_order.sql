-- store::provisioning::save_order
select save_order($1, $2, $3, $4, $5, $6)
