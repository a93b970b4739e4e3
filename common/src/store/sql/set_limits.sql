-- store::limits::set_limits
select set_limits($1, $2)
