-- store::outbound::may_still_send
select may_still_send($1, $2)
