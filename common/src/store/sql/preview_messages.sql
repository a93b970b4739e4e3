-- store::preview::preview_messages
select preview_messages($1)
