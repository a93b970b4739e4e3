-- store::reconcile::reconcile_calls
select reconcile_calls($1)
