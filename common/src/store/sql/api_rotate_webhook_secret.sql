-- store::api::api_rotate_webhook_secret
select api_rotate_webhook_secret($1, $2, $3, $4, $5)
