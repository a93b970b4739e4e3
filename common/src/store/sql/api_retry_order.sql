-- store::api::api_retry_order
select api_retry_order($1, $2, $3, $4, $5)
