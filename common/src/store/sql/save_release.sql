-- store::provisioning::save_release
select save_release($1, $2, $3)
