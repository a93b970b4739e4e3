-- store::api::api_list_contacts
select api_list_contacts($1, $2, $3, $4, $5)
