-- store::api::api_list_conversations
select api_list_conversations($1, $2, $3, $4, $5)
