-- store::api::api_list_messages
select api_list_messages($1, $2, $3, $4, $5)
