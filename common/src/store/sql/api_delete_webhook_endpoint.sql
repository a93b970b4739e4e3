-- store::api::api_delete_webhook_endpoint
select api_delete_webhook_endpoint($1, $2, $3, $4, $5)
