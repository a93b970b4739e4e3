-- store::api::api_request_number
select api_request_number($1, $2, $3, $4, $5)
