-- store::api::api_list_customer_messages
select api_list_customer_messages($1, $2, $3, $4, $5)
