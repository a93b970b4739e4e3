-- store::api::api_update_conversation
select api_update_conversation($1, $2, $3, $4, $5)
