-- store::reports::record_report
select record_report($1, $2, $3, $4)
