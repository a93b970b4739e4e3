-- store::api::api_hold_numbers
select api_hold_numbers($1, $2, $3, $4, $5)
