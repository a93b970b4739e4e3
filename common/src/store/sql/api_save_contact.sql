-- store::api::api_save_contact
select api_save_contact($1, $2, $3, $4, $5)
