-- store::calls::record_dial_result
select workspace_name, greeting from record_dial_result($1, $2, $3)
