-- store::preview::preview_orders
select id, workspace, state, reason, attempts, phone_number from preview_orders($1)
