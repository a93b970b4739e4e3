-- store::calls::find_call_script
-- What an outbound call says, or whom it joins. The call is ours only if its row says so.
select m.body, m.connect_phone, m.sender_phone, m.recipient_phone
from conversation_messages m join conversations c on c.id = m.conversation_id
where m.id = $1 and m.direction = 'outbound' and c.channel = 'call'
