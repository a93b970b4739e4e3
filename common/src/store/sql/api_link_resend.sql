-- store::api::api_link_resend
select api_link_resend($1, $2, $3, $4, $5)
