-- store::api::api_create_webhook_endpoint
select api_create_webhook_endpoint($1, $2, $3, $4, $5)
