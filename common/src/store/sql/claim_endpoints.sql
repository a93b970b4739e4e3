-- store::outbox::claim_endpoints
select id, workspace_id, url, secret, previous_secret from claim_endpoints($1, $2, $3)
