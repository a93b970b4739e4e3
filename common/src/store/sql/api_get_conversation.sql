-- store::api::api_get_conversation
select api_get_conversation($1, $2, $3, $4, $5)
