-- store::api::api_cancel_order
select api_cancel_order($1, $2, $3, $4, $5)
