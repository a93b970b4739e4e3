-- store::limits::list_blocked_prefixes
select prefix, kind, note from list_blocked_prefixes()
