-- store::reconcile::lift_refusals
select lift_refusals()
