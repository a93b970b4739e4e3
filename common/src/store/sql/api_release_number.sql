-- store::api::api_release_number
select api_release_number($1, $2, $3, $4, $5)
