-- store::outbox::record_attempt
select record_attempt($1, $2, $3, $4, $5, $6, $7, $8)
