-- store::api::api_get_message
select api_get_message($1, $2, $3, $4, $5)
