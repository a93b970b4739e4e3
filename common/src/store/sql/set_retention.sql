-- store::retention::set_retention
select set_retention($1, $2, $3)
