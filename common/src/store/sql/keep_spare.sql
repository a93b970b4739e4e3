-- store::reconcile::keep_spare
select keep_spare($1, $2)
