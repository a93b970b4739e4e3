-- store::reconcile::mark_ghost
select mark_ghost($1)
