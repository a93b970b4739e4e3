-- store::outbound::hold_again
select hold_again($1, $2)
