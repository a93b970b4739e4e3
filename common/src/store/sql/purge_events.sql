-- store::outbox::purge_events
select purge_events($1, $2)
