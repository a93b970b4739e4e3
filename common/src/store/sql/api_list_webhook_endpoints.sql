-- store::api::api_list_webhook_endpoints
select api_list_webhook_endpoints($1, $2, $3, $4, $5)
