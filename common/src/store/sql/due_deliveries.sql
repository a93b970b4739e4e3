-- store::outbox::due_deliveries
select event_id, document from due_deliveries($1, $2, $3, $4)
