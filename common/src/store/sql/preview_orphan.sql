-- store::preview::preview_orphan
select preview_orphan($1, $2, $3)
