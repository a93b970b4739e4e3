-- store::limits::unblock_prefix
select unblock_prefix($1)
