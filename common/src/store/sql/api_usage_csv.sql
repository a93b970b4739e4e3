-- store::api::api_usage_csv
select api_usage_csv($1, $2, $3, $4, $5)
