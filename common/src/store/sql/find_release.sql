-- store::provisioning::find_release
select id, phone_number_sid, attempts from find_release($1)
