-- store::reconcile::record_reply_charges
select record_reply_charges($1)
