-- store::api::api_get_phone_number
select api_get_phone_number($1, $2, $3, $4, $5)
