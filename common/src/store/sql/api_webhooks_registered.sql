-- store::api::api_webhooks_registered
select api_webhooks_registered($1, $2, $3, $4, $5)
