-- store::provisioning::choose_number
select choose_number($1, $2, $3)
