-- store::reconcile::platform_figures
select platform_figures()
