-- store::api::api_platform_workspaces
select api_platform_workspaces($1, $2, $3, $4, $5)
