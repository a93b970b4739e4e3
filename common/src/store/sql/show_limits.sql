-- store::limits::show_limits
select show_limits($1)
