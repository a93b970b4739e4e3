-- store::outbound::release_held
select outcome, id, workspace_id, channel, from_phone, to_phone, body, attachments, max_price from release_held()
