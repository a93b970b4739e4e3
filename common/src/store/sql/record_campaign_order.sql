-- store::provisioning::record_campaign_order
select record_campaign_order($1, $2, $3, $4)
