-- store::outbox::finish_bus_events
select finish_bus_events($1, $2)
