-- store::limits::block_prefix
select block_prefix($1, $2)
