-- store::api::api_find_resendable
select api_find_resendable($1, $2, $3, $4, $5)
