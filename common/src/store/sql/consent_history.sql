-- store::consent::consent_history
select changed_at, business_phone, customer_phone, opted_out, word, message_sid, actor, reason from consent_history($1)
