-- store::reconcile::reconcile_messages
select reconcile_messages($1)
