-- store::preview::preview_held
select preview_held()
