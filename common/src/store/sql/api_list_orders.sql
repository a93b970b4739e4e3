-- store::api::api_list_orders
select api_list_orders($1, $2, $3, $4, $5)
