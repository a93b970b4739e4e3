-- store::keys::create_api_key
select create_api_key($1, $2, $3, $4, $5, $6)
