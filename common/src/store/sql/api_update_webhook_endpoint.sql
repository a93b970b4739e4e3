-- store::api::api_update_webhook_endpoint
select api_update_webhook_endpoint($1, $2, $3, $4, $5)
