-- store::calls::find_call_script
select body, connect_phone, sender_phone, recipient_phone from find_call_script($1)
