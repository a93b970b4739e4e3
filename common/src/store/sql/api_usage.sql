-- store::api::api_usage
select api_usage($1, $2, $3, $4, $5)
