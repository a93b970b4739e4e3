-- store::api::api_trace_message
select api_trace_message($1, $2, $3, $4, $5)
