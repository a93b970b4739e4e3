-- store::reconcile::due_orders
select due_orders($1)
