-- store::provisioning::record_campaign_order
update phone_number_readiness
set campaign_order_id = coalesce($2, campaign_order_id), messaging_readiness = $3, reason = $4, updated_at = now()
where phone_number_id = $1 and messaging_readiness <> 'ready'
