-- store::api::api_list_events
select api_list_events($1, $2, $3, $4, $5)
