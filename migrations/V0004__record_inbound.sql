-- Inbound messages and calls: each webhook is one call of one function here, hence one round trip and one commit.

-- The conversation with a customer, its row locked, created when there is none.
create function lock_conversation(
    p_workspace uuid, p_number_id uuid, p_business text, p_customer text, p_channel text)
returns conversations language plpgsql as $$
declare
    found_row conversations;
begin
    select * into found_row from conversations
    where workspace_id = p_workspace and business_phone = p_business
      and customer_phone = p_customer and channel = p_channel
    for update;
    if found then
        return found_row;
    end if;
    insert into conversations (workspace_id, phone_number_id, business_phone, customer_phone, channel)
    values (p_workspace, p_number_id, p_business, p_customer, p_channel)
    on conflict (workspace_id, business_phone, customer_phone, channel) do nothing
    returning * into found_row;
    if not found then -- another transaction created it meanwhile and has committed
        select * into found_row from conversations
        where workspace_id = p_workspace and business_phone = p_business
          and customer_phone = p_customer and channel = p_channel
        for update;
    end if;
    return found_row;
end $$;

-- Counts one more inbound message or call: reopens, marks unread, links the contact. In plpgsql, which keeps its plan.
create function touch_conversation_inbound(
    p_conversation conversations, p_number_id uuid, p_snippet text, p_at timestamptz)
returns void language plpgsql as $$
begin
    update conversations c
    set status = case when c.status in ('closed', 'archived') then 'active' else c.status end,
        is_unread = true,
        unread_count = c.unread_count + 1,
        message_count = c.message_count + 1,
        snippet = case when c.last_message_at is null or p_at >= c.last_message_at then left(p_snippet, 160) else c.snippet end,
        last_message_at = greatest(c.last_message_at, p_at),
        phone_number_id = coalesce(p_number_id, c.phone_number_id),
        contact_id = coalesce(c.contact_id, (
            select k.id from contacts k
            where k.workspace_id = c.workspace_id and k.phone_e164 = c.customer_phone
            order by k.created_at, k.id limit 1)),
        updated_at = now()
    where c.id = (p_conversation).id;
end $$;

-- Whose is a customer's message to this number? A live number's owner; on a shared number whoever last wrote to the customer
-- from it. On a shared number the SID is locked first, so that a repeat cannot go to somebody who wrote in between.
-- all workspaces: whose it is, is the question
create function route_inbound(
    p_business text, p_customer text, p_sid text, p_shared boolean,
    out o_workspace uuid, out o_number_id uuid)
language plpgsql as $$
begin
    select n.workspace_id, n.id into o_workspace, o_number_id
    from workspace_phone_numbers n
    where n.phone_number = p_business and n.status <> 'released';
    if found or not p_shared then
        return;
    end if;
    perform pg_advisory_xact_lock(hashtextextended(p_sid, 0));
    select m.workspace_id into o_workspace
    from conversation_messages m
    where m.external_id = p_sid and m.direction = 'inbound' and m.recipient_phone = p_business
    limit 1;
    if found or exists (select 1 from unrouted_messages where external_id = p_sid and recipient_phone = p_business) then
        return;
    end if;
    select c.workspace_id into o_workspace
    from conversations c
    where c.business_phone = p_business and c.customer_phone = p_customer and c.last_outbound_at is not null
    order by c.last_outbound_at desc
    limit 1;
end $$;

create function record_inbound_message(
    p_id uuid, p_sid text, p_channel text, p_business text, p_customer text, p_body text, p_attachments jsonb,
    p_segments integer, p_shared boolean, p_keyword text, p_word text, p_at timestamptz,
    out outcome text, out workspace_id uuid, out workspace_name text, out conversation_id uuid, out message_id uuid, out reply text)
language plpgsql as $$
declare
    number_id uuid;
    thread conversations;
    consent_owner uuid;
    withheld boolean := false;
begin
    select o_workspace, o_number_id into workspace_id, number_id
    from route_inbound(p_business, p_customer, p_sid, p_shared);
    perform act_for(workspace_id);

    consent_owner := case when number_id is not null then workspace_id end;
    reply := case
        when p_keyword in ('stop', 'start', 'help') and (workspace_id is not null or p_shared) then p_keyword
        when p_keyword = 'yes' and is_opted_out(consent_owner, p_business, p_customer) then 'start'
    end;
    if reply is not null then
        withheld := not may_confirm(workspace_id, p_business, p_customer, p_at);
        select w.name into workspace_name from workspaces w where w.id = workspace_id; -- who answers it
    end if;

    if workspace_id is null then
        outcome := 'unrouted';
        insert into unrouted_messages (id, external_id, channel, sender_phone, recipient_phone, body, attachments, reply,
                                       reply_withheld, segments, received_at)
        values (p_id, p_sid, p_channel, p_customer, p_business, p_body, p_attachments, reply, withheld, p_segments, p_at)
        on conflict (external_id, recipient_phone) do nothing
        returning id into message_id;
        if message_id is null then
            outcome := 'unrouted_duplicate';
            select u.id, case when not u.reply_withheld then u.reply end into message_id, reply from unrouted_messages u
            where u.external_id = p_sid and u.recipient_phone = p_business;
            return;
        end if;
    else
        outcome := 'recorded';
        thread := lock_conversation(workspace_id, number_id, p_business, p_customer, p_channel);
        conversation_id := (thread).id;
        insert into conversation_messages as m (
            id, workspace_id, conversation_id, direction, body, sender_phone, recipient_phone, external_id, status,
            segments, attachments, reply, reply_withheld, created_at)
        values (
            p_id, workspace_id, conversation_id, 'inbound', p_body, p_customer, p_business, p_sid, 'received',
            p_segments, p_attachments, reply, withheld, p_at)
        on conflict do nothing
        returning m.id into message_id;
        if message_id is null then
            outcome := 'duplicate';
            select m.id, case when not m.reply_withheld then m.reply end, m.conversation_id
            into message_id, reply, conversation_id
            from conversation_messages m
            where m.external_id = p_sid and m.workspace_id = record_inbound_message.workspace_id;
            select w.name into workspace_name from workspaces w where w.id = record_inbound_message.workspace_id;
            return;
        end if;
        perform touch_conversation_inbound(thread, number_id,
            case when p_body = '' and p_attachments <> '[]' then '[attachment]' else p_body end, p_at);
    end if;

    if reply in ('stop', 'start') then
        perform record_consent(consent_owner, p_business, p_customer, reply = 'stop', p_word, p_sid, p_at);
    end if;
    if reply = 'stop' then
        perform await_sends_under_way(p_business, p_customer);
    end if;
    if withheld then
        reply := null;
    end if;
end $$;
