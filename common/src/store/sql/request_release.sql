-- store::provisioning::request_release
select request_release($1, $2)
