-- store::preview::preview_open_messages
select channel, direction, status, messages, oldest from preview_open_messages($1)
