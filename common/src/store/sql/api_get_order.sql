-- store::api::api_get_order
select api_get_order($1, $2, $3, $4, $5)
