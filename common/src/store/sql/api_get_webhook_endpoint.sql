-- store::api::api_get_webhook_endpoint
select api_get_webhook_endpoint($1, $2, $3, $4, $5)
