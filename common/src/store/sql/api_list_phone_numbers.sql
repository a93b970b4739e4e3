-- store::api::api_list_phone_numbers
select api_list_phone_numbers($1, $2, $3, $4, $5)
