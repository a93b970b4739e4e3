-- store::reconcile::settle_never_sent
select settle_never_sent($1)
