-- store::limits::list_blocked_prefixes
select prefix, kind, note from blocked_prefixes order by prefix
