-- store::api::api_update_phone_number
select api_update_phone_number($1, $2, $3, $4, $5)
