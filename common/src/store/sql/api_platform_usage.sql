-- store::api::api_platform_usage
select api_platform_usage($1, $2, $3, $4, $5)
