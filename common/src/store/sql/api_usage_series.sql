-- store::api::api_usage_series
select api_usage_series($1, $2, $3, $4, $5)
