-- store::api::api_get_event
select api_get_event($1, $2, $3, $4, $5)
