-- store::api::api_get_customer
select api_get_customer($1, $2, $3, $4, $5)
