-- store::reconcile::release_spare
select release_spare($1)
