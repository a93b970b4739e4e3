-- store::keys::revoke_api_key
select revoke_api_key($1, $2)
