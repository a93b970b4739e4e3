-- store::outbox::release_endpoint
select release_endpoint($1, $2, $3)
