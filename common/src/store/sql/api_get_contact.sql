-- store::api::api_get_contact
select api_get_contact($1, $2, $3, $4, $5)
