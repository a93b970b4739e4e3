-- store::api::api_make_primary
select api_make_primary($1, $2, $3, $4, $5)
