-- The workspace API: conversations, and what was said in them.

create index conversations_recent on conversations (workspace_id, last_message_at desc, id desc);
create index conversations_number on conversations (workspace_id, phone_number_id, last_message_at desc);
create index conversations_contact on conversations (contact_id) where contact_id is not null;
create index contacts_recent on contacts (workspace_id, created_at desc, id desc);
alter table conversation_messages add column resend_of uuid references conversation_messages (id);
comment on column conversation_messages.resend_of is 'the failed message that this one repeats';
create index conversation_messages_resend on conversation_messages (resend_of) where resend_of is not null;

-- The carrier's error codes in words: what happened, and what to do.
create table delivery_errors (
    code         text primary key,
    words        text not null,
    advice       text not null,
    is_permanent boolean not null
);
comment on column delivery_errors.is_permanent is 'whether sending the same again would fail the same way';
insert into delivery_errors (code, words, advice, is_permanent) values
    ('4001', 'The carrier account has no balance.', 'Tell support; send again once it is topped up.', false),
    ('20003', 'The carrier refused our credentials.', 'Tell support; send again later.', false),
    ('20429', 'Too many messages at once.', 'Send again in a minute.', false),
    ('21205', 'The call had no script.', 'Tell support.', true),
    ('21210', 'The sending number is not ours at the carrier.', 'Choose another number, and tell support.', true),
    ('21211', 'The number is not a valid phone number.', 'Correct the number.', true),
    ('21219', 'The carrier account is a trial and may not reach this number.', 'Tell support.', true),
    ('21401', 'The number is not a valid phone number.', 'Correct the number.', true),
    ('21601', 'The sending number cannot send this kind of message.', 'Choose another number.', true),
    ('21602', 'The message was empty.', 'Write something.', true),
    ('21603', 'The number is not a valid phone number.', 'Correct the number.', true),
    ('21606', 'The sending number cannot text.', 'Choose another number.', true),
    ('21610', 'The customer has asked for no more messages.', 'Do not send again; they may reply START.', true),
    ('21611', 'Too many messages wait to be sent from this number.', 'Send again in some minutes.', false),
    ('21612', 'The media could not be sent to this number.', 'Send a link instead.', true),
    ('21614', 'The number is no mobile number.', 'Call instead, or use a mobile number.', true),
    ('21617', 'The message is too long.', 'Shorten it.', true),
    ('21620', 'The media could not be read.', 'Check its address, then send again.', true),
    ('21623', 'The media is of a kind that cannot be sent.', 'Send another kind of file.', true),
    ('21624', 'The message waited for too long.', 'Send again.', false),
    ('21717', 'The sending number is not in an approved campaign.', 'Wait until the number is ready, or ask support.', false),
    ('30001', 'The message waited for too long and was dropped.', 'Send again.', false),
    ('30002', 'The carrier account has no balance.', 'Tell support; send again once it is topped up.', false),
    ('30003', 'The phone could not be reached: switched off, or without a network.', 'Send again later.', false),
    ('30004', 'The customer''s carrier blocks the message, or the customer blocked it.', 'Do not send again; call instead.', true),
    ('30005', 'The number is unknown or not in use any more.', 'Check the number with the customer.', true),
    ('30006', 'The number is a landline, or its carrier takes no texts.', 'Call instead.', true),
    ('30007', 'The customer''s carrier took the message for spam.', 'Write it differently, without link shorteners, then send again.', false),
    ('30008', 'The customer''s carrier gave no reason.', 'Send again; if it fails again, call.', false),
    ('30010', 'The message would cost more than is allowed.', 'Ask for a higher price limit.', true),
    ('30011', 'The customer''s carrier takes no picture messages.', 'Send a link instead.', true),
    ('30012', 'The picture message could not be delivered.', 'Send a link instead.', true),
    ('30022', 'The campaign sends more than its carrier allows.', 'Send again later.', false),
    ('30027', 'The day''s allowance at T-Mobile is used up.', 'Send again tomorrow.', false),
    ('35125', 'The campaign''s allowance is used up.', 'Send again tomorrow.', false),
    ('53603', 'The media could not be fetched.', 'Check its address, then send again.', false),
    ('63011', 'The customer''s carrier refused the message.', 'Send again later, or call.', false),
    ('63019', 'The media could not be fetched.', 'Check its address, then send again.', false),
    ('insufficient_balance', 'The carrier account has no balance.', 'Tell support; send again once it is topped up.', false),
    ('message_blocked_by_carrier', 'The customer''s carrier blocks the message.', 'Do not send again; call instead.', true),
    ('message_blocked_by_number', 'The customer has blocked the number.', 'Do not send again.', true),
    ('inactive_campaign', 'The messaging campaign is not active.', 'Tell support.', false),
    ('associated_campaign_inactive', 'The messaging campaign is not active.', 'Tell support.', false),
    ('tmobile_daily_limit_reached', 'The day''s allowance at T-Mobile is used up.', 'Send again tomorrow.', false),
    ('missing_messaging_capability', 'The sending number cannot text.', 'Choose another number.', true),
    ('not_routable', 'The number cannot be reached.', 'Check the number with the customer.', true),
    ('rate_limit_exceeded', 'Too many messages at once.', 'Send again in a minute.', false);

-- Why a message or call failed, for a person; null while it has not.
create function failure_view(m conversation_messages) returns jsonb
language sql stable as $$
    select case
        when m.status in ('failed', 'undelivered', 'canceled') then (
            select jsonb_build_object(
                'code', m.error_code,
                'words', coalesce(e.words, case
                    when m.error_message is not null then upper(left(m.error_message, 1)) || substr(m.error_message, 2) || '.'
                    when m.status = 'canceled' then 'The call was canceled before anybody answered.'
                    when m.status = 'undelivered' then 'The customer''s carrier did not deliver it and gave no reason that is known.'
                    else 'It was not sent, and the carrier gave no reason that is known.' end),
                'advice', coalesce(e.advice, 'Send again; if it fails again, ask support and name the code.'),
                'isPermanent', coalesce(e.is_permanent, false))
            from (select) as one left join delivery_errors e on e.code = m.error_code)
        when m.status = 'busy' then jsonb_build_object(
            'code', m.error_code, 'words', 'The line was busy.', 'advice', 'Call again later.', 'isPermanent', false)
        when m.status = 'no-answer' then jsonb_build_object(
            'code', m.error_code, 'words', 'Nobody answered.', 'advice', 'Call again later, or text.', 'isPermanent', false)
    end
$$;

create function number_ref(p_workspace uuid, p_number uuid) returns jsonb
language sql stable as $$
    select jsonb_build_object('id', n.id, 'phoneNumber', n.phone_number, 'friendlyName', n.friendly_name,
                              'numberType', n.number_type, 'status', n.status)
    from workspace_phone_numbers n where n.id = p_number and n.workspace_id = p_workspace
$$;

create function contact_name(k contacts) returns text
language sql immutable as $$
    select nullif(trim(concat_ws(' ', k.first_name, k.last_name)), '')
$$;

create function conversation_view(c conversations) returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'id', c.id, 'channel', c.channel, 'status', c.status, 'subject', c.subject, 'snippet', c.snippet,
        'isUnread', c.is_unread, 'unreadCount', c.unread_count, 'messageCount', c.message_count,
        'customerPhone', c.customer_phone, 'businessPhone', c.business_phone,
        'phoneNumber', number_ref(c.workspace_id, c.phone_number_id),
        'contact', (select jsonb_build_object('id', k.id, 'name', contact_name(k)) from contacts k
                    where k.id = c.contact_id and k.workspace_id = c.workspace_id),
        'lastMessageAt', api_time(c.last_message_at), 'createdAt', api_time(c.created_at))
$$;

-- What a customer sent lies at the carrier, where whoever learns the address can read it for ever: it is served through us. What the
-- workspace sent is its own, and shown as it was given.
create function attachments_view(m conversation_messages) returns jsonb
language sql stable as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'url', case when m.direction = 'inbound' and a.item ->> 'url' is not null then
            format('/api/workspaces/%s/messages/%s/media/%s', m.workspace_id, m.id, a.place - 1) else a.item ->> 'url' end,
        'contentType', a.item ->> 'contentType') order by a.place), '[]')
    from jsonb_array_elements(m.attachments) with ordinality a (item, place)
$$;

create function message_view(m conversation_messages, p_channel text) returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'id', m.id, 'conversationId', m.conversation_id, 'channel', p_channel, 'direction', m.direction,
        'from', m.sender_phone, 'to', m.recipient_phone, 'body', m.body, 'status', m.status, 'sid', m.external_id,
        'segments', m.segments, 'price', api_money(m.price, m.price_unit),
        'attachments', attachments_view(m),
        'failure', failure_view(m),
        'call', case when p_channel = 'call' then jsonb_build_object(
            'durationSeconds', m.call_duration, 'forwardedLeg', m.dial_status, 'transcript', m.call_transcription,
            'recordingUrl', case when m.call_recording_url is not null then
                format('/api/workspaces/%s/messages/%s/recording', m.workspace_id, m.id) end) end,
        'resendOf', m.resend_of,
        'createdAt', api_time(m.created_at), 'deliveredAt', api_time(m.delivered_at))
$$;

-- The newest first; `q` is looked for in names, numbers, subjects, and what was said.
create function api_list_conversations(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    views jsonb[];
    keys jsonb[];
    after_at timestamptz := (p #>> '{after,0}')::timestamptz;
    after_id uuid := (p #>> '{after,1}')::uuid;
    most integer := (p ->> 'limit')::integer;
    wanted_channel text := p ->> 'channel';
    wanted_status text := p ->> 'status';
    wanted_unread boolean := (p ->> 'unread')::boolean;
    wanted_number uuid := (p ->> 'phoneNumberId')::uuid;
    wanted_type text := p ->> 'numberType';
    wanted_contact uuid := (p ->> 'contactId')::uuid;
    pattern text := api_pattern(nullif(trim(p ->> 'q'), ''));
    digits text := api_pattern(nullif(regexp_replace(p ->> 'q', '[^0-9]', '', 'g'), ''));
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    if length(digits) < 5 then
        digits := null; -- two digits are in every number
    end if;
    select array_agg(conversation_view(page.c) order by (page.c).last_message_at desc, (page.c).id desc),
           array_agg(jsonb_build_array(api_time((page.c).last_message_at), (page.c).id)
                     order by (page.c).last_message_at desc, (page.c).id desc)
    into views, keys
    from (
        select c from conversations c
        where c.workspace_id = p_workspace and c.last_message_at is not null
          and (after_at is null or (c.last_message_at, c.id) < (after_at, after_id))
          and (wanted_channel is null or c.channel = wanted_channel)
          and (wanted_status is null or c.status = wanted_status)
          and (wanted_unread is null or c.is_unread = wanted_unread)
          and (wanted_number is null or c.phone_number_id = wanted_number)
          and (wanted_contact is null or c.contact_id = wanted_contact)
          and (wanted_type is null or c.phone_number_id in (
                  select n.id from workspace_phone_numbers n where n.workspace_id = p_workspace and n.number_type = wanted_type))
          and (pattern is null
               or c.customer_phone like digits
               or c.subject ilike pattern
               or exists (select from contacts k where k.id = c.contact_id
                            and (contact_name(k) ilike pattern or k.email ilike pattern))
               or exists (select from conversation_messages m where m.conversation_id = c.id and m.body ilike pattern))
        order by c.last_message_at desc, c.id desc
        limit most + 1) as page;
    return api_page(views, keys, most);
end $$;

-- From which of its numbers a workspace may answer a customer: the one that they last talked with is the default, and where that one is
-- suspended there is none, as with a send that names none. On WhatsApp it is the sender of this conversation.
create function reply_from_view(c conversations) returns jsonb
language sql stable as $$
    with choices as (
        select n.id, n.phone_number, n.friendly_name, n.number_type, n.provisioned_at,
               case when c.channel = 'whatsapp' then coalesce(n.id = c.phone_number_id, false)
                    when c.channel = 'sms' and not coalesce(r.messaging_readiness in ('ready', 'not_required'), true) then false
                    else not lacks_capability(n, c.channel) end as is_usable,
               (select max(o.last_message_at) from conversations o
                where o.workspace_id = c.workspace_id and o.customer_phone = c.customer_phone and o.phone_number_id = n.id) as last_talked_at
        from workspace_phone_numbers n left join phone_number_readiness r on r.phone_number_id = n.id
        where n.workspace_id = c.workspace_id and n.status = 'active')
    select jsonb_build_object(
        'default', case when c.channel = 'whatsapp' then c.business_phone
            when (select n.status from conversations o join workspace_phone_numbers n on n.id = o.phone_number_id and n.status <> 'released'
                  where o.workspace_id = c.workspace_id and o.customer_phone = c.customer_phone
                  order by o.last_message_at desc nulls last limit 1) = 'suspended' then null
            else coalesce(
            (select phone_number from choices where last_talked_at is not null order by last_talked_at desc limit 1),
            (select phone_number from choices where number_type = 'primary' order by provisioned_at limit 1),
            case when c.phone_number_id is null then c.business_phone end) end,
        'choices', coalesce((
            select jsonb_agg(jsonb_build_object(
                       'id', id, 'phoneNumber', phone_number, 'friendlyName', friendly_name, 'numberType', number_type,
                       'isUsable', is_usable, 'lastTalkedAt', api_time(last_talked_at))
                   order by last_talked_at desc nulls last, number_type <> 'primary', provisioned_at)
            from choices), '[]'))
$$;

create function api_get_conversation(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    thread conversations;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    select * into thread from conversations c where c.id = (p ->> 'conversationId')::uuid and c.workspace_id = p_workspace;
    if not found then
        return api_refused('not_found');
    end if;
    return api_done(conversation_view(thread) || jsonb_build_object(
        'replyFrom', reply_from_view(thread),
        'isOptedOut', is_opted_out(p_workspace, thread.business_phone, thread.customer_phone)));
end $$;

-- Marks, closes, reopens, names, links: whatever of `status`, `isUnread`, `subject`, `contactId` is there.
create function api_update_conversation(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    thread conversations;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    if p ->> 'contactId' is not null and not exists (
        select from contacts k where k.id = (p ->> 'contactId')::uuid and k.workspace_id = p_workspace) then
        return api_refused('not_found', 'there is no such contact in this workspace');
    end if;
    update conversations c
    set status = coalesce(p ->> 'status', c.status),
        is_unread = coalesce((p ->> 'isUnread')::boolean, c.is_unread),
        unread_count = case (p ->> 'isUnread')::boolean when false then 0 when true then greatest(c.unread_count, 1) else c.unread_count end,
        subject = case when p ? 'subject' then p ->> 'subject' else c.subject end,
        contact_id = case when p ? 'contactId' then (p ->> 'contactId')::uuid else c.contact_id end,
        updated_at = now()
    where c.id = (p ->> 'conversationId')::uuid and c.workspace_id = p_workspace
    returning * into thread;
    if not found then
        return api_refused('not_found');
    end if;
    return api_done(conversation_view(thread) || jsonb_build_object(
        'replyFrom', reply_from_view(thread),
        'isOptedOut', is_opted_out(p_workspace, thread.business_phone, thread.customer_phone)));
end $$;

create function api_list_messages(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    thread conversations;
    views jsonb[];
    keys jsonb[];
    after_at timestamptz := (p #>> '{after,0}')::timestamptz;
    after_id uuid := (p #>> '{after,1}')::uuid;
    most integer := (p ->> 'limit')::integer;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    select * into thread from conversations c where c.id = (p ->> 'conversationId')::uuid and c.workspace_id = p_workspace;
    if not found then
        return api_refused('not_found');
    end if;
    select array_agg(message_view(page.m, thread.channel) order by (page.m).created_at desc, (page.m).id desc),
           array_agg(jsonb_build_array(api_time((page.m).created_at), (page.m).id) order by (page.m).created_at desc, (page.m).id desc)
    into views, keys
    from (
        select m from conversation_messages m
        where m.conversation_id = thread.id and m.workspace_id = p_workspace
          and (after_at is null or (m.created_at, m.id) < (after_at, after_id))
        order by m.created_at desc, m.id desc
        limit most + 1) as page;
    return api_page(views, keys, most);
end $$;

create function api_get_message(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    message conversation_messages;
    said_by text;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    select * into message from conversation_messages m where m.id = (p ->> 'messageId')::uuid and m.workspace_id = p_workspace;
    if not found then
        return api_refused('not_found');
    end if;
    select c.channel into said_by from conversations c where c.id = message.conversation_id;
    -- where files lie is for us alone, who have the carrier's credentials
    return api_done(message_view(message, said_by)) || jsonb_build_object('private', jsonb_build_object(
        'media', case when message.direction = 'inbound' then message.attachments end,
        'recordingUrl', message.call_recording_url, 'recordingSid', message.call_recording_sid));
end $$;

-- A failed message once more: what `begin_outbound` decides on a message with the same parts from the same number, and these parts
-- as the `request` that would ask for it. Beside the outcomes of `begin_outbound`: `not_found`, `not_resendable`.
create function begin_resend(
    p_workspace uuid, p_owner text, p_api_key bytea, p_scope text, p_id uuid, p_key text, p_failed uuid,
    p_platform text, p_whatsapp text, p_at timestamptz,
    out outcome text, out detail text, out from_phone text, out conversation_id uuid, out message_id uuid, out answer jsonb,
    out created_at timestamptz, out send_at timestamptz, out retry_after_seconds integer, out max_price numeric, out request jsonb)
language plpgsql as $$
declare
    permit record;
    message conversation_messages;
    thread conversations;
    sender text;
begin
    select * into permit from authorise(p_workspace, p_owner, p_api_key, p_scope);
    if permit.refusal is not null then
        outcome := permit.refusal;
        return;
    end if;
    select * into message from conversation_messages m where m.id = p_failed and m.workspace_id = p_workspace;
    if not found then
        outcome := 'not_found';
        return;
    end if;
    if message.direction <> 'outbound' or message.status not in ('failed', 'undelivered', 'busy', 'no-answer', 'canceled') then
        outcome := 'not_resendable';
        detail := format('the message is %s and %s', message.direction, message.status);
        return;
    end if;
    select * into thread from conversations c where c.id = message.conversation_id;
    sender := coalesce(thread.phone_number_id::text, message.sender_phone);
    request := jsonb_strip_nulls(jsonb_build_object(
        'workspaceId', p_workspace, 'channel', thread.channel, 'to', message.recipient_phone, 'body', message.body,
        'from', sender, 'connect', message.connect_phone,
        'mediaUrls', (select jsonb_agg(a ->> 'url') from jsonb_array_elements(message.attachments) a)));
    select b.* into outcome, detail, from_phone, conversation_id, message_id, answer, created_at, send_at, retry_after_seconds, max_price
    from begin_outbound(
        p_workspace, p_owner, p_api_key, p_scope, p_id, p_key, uuid_send(p_failed), thread.channel, message.recipient_phone,
        message.body, message.attachments, message.segments, sender, p_platform, p_whatsapp, message.connect_phone, p_at,
        null, 'refuse', p_failed) b;
end $$;

-- One customer over all numbers and channels of the workspace.
create function api_get_customer(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    customer text := p ->> 'customerPhone';
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    if not exists (select from conversations c where c.workspace_id = p_workspace and c.customer_phone = customer)
       and not exists (select from contacts k where k.workspace_id = p_workspace and k.phone_e164 = customer) then
        return api_refused('not_found');
    end if;
    return api_done(jsonb_build_object(
        'customerPhone', customer,
        'contact', (select jsonb_build_object('id', k.id, 'name', contact_name(k)) from contacts k
                    where k.workspace_id = p_workspace and k.phone_e164 = customer order by k.created_at, k.id limit 1),
        'unreadCount', (select coalesce(sum(c.unread_count), 0) from conversations c
                        where c.workspace_id = p_workspace and c.customer_phone = customer),
        'optedOutOf', coalesce((
            select jsonb_agg(distinct c.business_phone) from conversations c
            where c.workspace_id = p_workspace and c.customer_phone = customer
              and is_opted_out(p_workspace, c.business_phone, customer)), '[]'),
        'conversations', coalesce((
            select jsonb_agg(conversation_view(recent.c) order by (recent.c).last_message_at desc)
            from (select c from conversations c
                  where c.workspace_id = p_workspace and c.customer_phone = customer and c.last_message_at is not null
                  order by c.last_message_at desc limit 100) as recent), '[]')));
end $$;

create function api_list_customer_messages(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    views jsonb[];
    keys jsonb[];
    customer text := p ->> 'customerPhone';
    after_at timestamptz := (p #>> '{after,0}')::timestamptz;
    after_id uuid := (p #>> '{after,1}')::uuid;
    most integer := (p ->> 'limit')::integer;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    if not exists (select from conversations c where c.workspace_id = p_workspace and c.customer_phone = customer) then
        return api_refused('not_found');
    end if;
    select array_agg(message_view(page.m, page.channel) order by (page.m).created_at desc, (page.m).id desc),
           array_agg(jsonb_build_array(api_time((page.m).created_at), (page.m).id) order by (page.m).created_at desc, (page.m).id desc)
    into views, keys
    from (
        -- of each conversation no more than could be on the page
        select newest.m, c.channel
        from conversations c cross join lateral (
            select m from conversation_messages m
            where m.conversation_id = c.id and m.workspace_id = p_workspace
              and (after_at is null or (m.created_at, m.id) < (after_at, after_id))
            order by m.created_at desc, m.id desc
            limit most + 1) as newest
        where c.workspace_id = p_workspace and c.customer_phone = customer
        order by (newest.m).created_at desc, (newest.m).id desc
        limit most + 1) as page;
    return api_page(views, keys, most);
end $$;
