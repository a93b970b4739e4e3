-- store::outbox::claim_bus_events
select id, type, occurred_at, document from claim_bus_events($1, $2)
