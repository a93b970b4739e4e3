-- store::provisioning::lease_order
select id, workspace_id, attempts, area_code, number_type, phone_number, phone_number_id, name, preferred_area_code, entitled,
       wanted_number
from lease_order($1, $2, $3)
