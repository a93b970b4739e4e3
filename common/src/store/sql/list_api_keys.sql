-- store::keys::list_api_keys
select id, workspace_id, prefix, name, scopes, created_at, last_used_at, revoked_at from list_api_keys($1)
