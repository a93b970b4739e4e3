-- Outbound messages and calls: the row exists before the carrier is asked, and one key sends once.

create table idempotency_keys (
    workspace_id uuid not null references workspaces (id),
    key          text not null,
    request_hash bytea not null,
    message_id   uuid not null references conversation_messages (id),
    answer       jsonb,
    created_at   timestamptz not null default now(),
    primary key (workspace_id, key)
);
comment on column idempotency_keys.answer is '{"status": 201, "body": {…}}, given again on a repeat; null while the send runs';

-- Decides on a send and, when it may go, writes its row; the consent check stands in the statement that creates the row.
--
-- `outcome`: `created` (go and send), `replay` (`answer` is what was answered before), `running`, `mismatch`, `unsettled` (an
-- earlier try with this key broke off: `message_id` is its row), or a refusal: those of `authorise`, `opted_out`, `no_number`,
-- `number_not_ready`, with `detail` saying why.
create function begin_outbound(
    p_workspace uuid, p_owner text, p_api_key bytea, p_scope text,
    p_id uuid, p_key text, p_hash bytea, p_channel text, p_to text, p_body text,
    p_attachments jsonb, p_segments integer, p_from text, p_platform text, p_whatsapp text, p_connect text, p_at timestamptz,
    out outcome text, out detail text, out from_phone text, out conversation_id uuid, out message_id uuid, out answer jsonb,
    out created_at timestamptz)
language plpgsql as $$
declare
    permit record;
    tenant workspaces;
    known idempotency_keys;
    thread conversations;
    own workspace_phone_numbers;
    shared text := case when p_channel = 'whatsapp' then p_whatsapp else p_platform end;
    readiness phone_number_readiness;
begin
    select * into permit from authorise(p_workspace, p_owner, p_api_key, p_scope);
    if permit.refusal is not null then
        outcome := permit.refusal;
        return;
    end if;
    tenant := permit.tenant;

    -- the same call again, after its answer was lost
    select m.id, m.sender_phone, m.conversation_id, m.created_at into message_id, from_phone, conversation_id, created_at
    from conversation_messages m where m.id = p_id and m.workspace_id = p_workspace;
    if found then
        outcome := 'created';
        return;
    end if;

    if p_key is not null then
        perform pg_advisory_xact_lock(hashtextextended(p_workspace::text || p_key, 2));
        select * into known from idempotency_keys k where k.workspace_id = p_workspace and k.key = p_key;
        if found then
            message_id := known.message_id;
            answer := known.answer;
            outcome := case
                when known.request_hash <> p_hash then 'mismatch'
                when known.answer is not null then 'replay'
                -- no function runs for as long as this: whoever held the key is gone
                when known.created_at < now() - interval '2 minutes' then 'unsettled'
                else 'running' end;
            if outcome = 'unsettled' then
                update conversation_messages m set status = 'unknown', updated_at = now()
                where m.id = known.message_id and m.status = 'queued' and m.external_id is null;
                select m.conversation_id, m.sender_phone, m.created_at into conversation_id, from_phone, created_at
                from conversation_messages m where m.id = known.message_id;
            end if;
            return;
        end if;
    end if;

    -- Which number: the one named, else the one this customer last talked with, else the primary; Starter: the shared one.
    if p_from is not null then
        select n.* into own from workspace_phone_numbers n
        where n.workspace_id = p_workspace and n.status <> 'released'
          and (n.phone_number = p_from or n.id::text = lower(p_from) or n.number_type = p_from)
        order by n.status, n.provisioned_at, n.id
        limit 1;
        if not found then
            if p_from is distinct from shared
               or (tenant.subscription_tier <> 'starter' and p_channel <> 'whatsapp') then
                outcome := 'no_number';
                detail := 'the workspace has no number that matches "from"';
                return;
            end if;
        elsif own.status <> 'active' then
            outcome := 'no_number';
            detail := 'the number named in "from" is ' || own.status;
            return;
        end if;
    elsif tenant.subscription_tier <> 'starter' or p_channel = 'whatsapp' then
        select n.* into own
        from conversations c join workspace_phone_numbers n on n.id = c.phone_number_id and n.status = 'active'
        where c.workspace_id = p_workspace and c.customer_phone = p_to
          and (p_channel <> 'whatsapp' or c.channel = 'whatsapp')
        order by c.last_message_at desc nulls last
        limit 1;
        if not found and p_channel <> 'whatsapp' then
            select n.* into own from workspace_phone_numbers n
            where n.workspace_id = p_workspace and n.status = 'active' and n.number_type = 'primary'
            order by n.provisioned_at, n.id
            limit 1;
            if not found then
                outcome := 'no_number';
                detail := coalesce(
                    (select 'the workspace''s number is suspended' from workspace_phone_numbers n
                     where n.workspace_id = p_workspace and n.status = 'suspended' limit 1),
                    (select 'its number is still being provisioned (' || o.state || coalesce(': ' || o.reason, '') || ')'
                     from provisioning_orders o
                     where o.workspace_id = p_workspace and o.state not in ('active', 'canceled')
                     order by o.created_at desc limit 1),
                    'the workspace has no active primary number');
                return;
            end if;
        end if;
    end if;
    from_phone := coalesce(own.phone_number, shared);
    if from_phone is null then
        outcome := 'no_number';
        detail := 'there is no shared number for this channel';
        return;
    end if;

    if p_channel = 'sms' and own.id is not null then
        select * into readiness from phone_number_readiness r
        where r.phone_number_id = own.id and r.messaging_readiness in ('pending', 'failed');
        if found then
            outcome := 'number_not_ready';
            detail := 'the number cannot text yet: ' ||
                coalesce(readiness.reason, 'its campaign assignment is ' || readiness.messaging_readiness);
            return;
        end if;
    end if;

    thread := lock_conversation(p_workspace, own.id, from_phone, p_to, p_channel);
    conversation_id := (thread).id;
    created_at := p_at;
    -- The consent check and the row are one statement. A person who asked not to be texted may still be called.
    insert into conversation_messages as m (
        id, workspace_id, conversation_id, direction, body, sender_phone, recipient_phone, status, segments, attachments,
        connect_phone, created_at)
    select p_id, p_workspace, conversation_id, 'outbound', p_body, from_phone, p_to, 'queued', p_segments, p_attachments,
           p_connect, p_at
    where p_channel = 'call' or not is_opted_out(p_workspace, from_phone, p_to)
    returning m.id into message_id;
    if message_id is null then
        outcome := 'opted_out';
        if (thread).message_count = 0 then
            delete from conversations c where c.id = (thread).id and c.message_count = 0;
        end if;
        return;
    end if;
    if p_key is not null then
        insert into idempotency_keys (workspace_id, key, request_hash, message_id)
        values (p_workspace, p_key, p_hash, p_id);
    end if;
    update conversations c
    set message_count = c.message_count + 1,
        status = case when c.status in ('closed', 'archived') then 'active' else c.status end,
        phone_number_id = coalesce(own.id, c.phone_number_id),
        snippet = left(case when p_body = '' then '[attachment]' else p_body end, 160),
        last_message_at = greatest(c.last_message_at, p_at),
        last_outbound_at = greatest(c.last_outbound_at, p_at),
        contact_id = coalesce(c.contact_id, (
            select k.id from contacts k
            where k.workspace_id = c.workspace_id and k.phone_e164 = c.customer_phone
            order by k.created_at, k.id limit 1)),
        updated_at = now()
    where c.id = conversation_id;
    outcome := 'created';
end $$;

-- Writes what the carrier answered. `p_keep_key` is false when the carrier did not take the message and asked to wait: the
-- same key may then send. A callback that overtook this answer has moved the status already, and keeps it.
create function finish_outbound(
    p_id uuid, p_workspace uuid, p_key text, p_sid text, p_status text, p_error_code text, p_error_message text,
    p_segments integer, p_price numeric, p_keep_key boolean, p_answer jsonb)
returns void language plpgsql as $$
declare
    message conversation_messages;
begin
    if p_sid is not null then
        perform pg_advisory_xact_lock(hashtextextended(p_sid, 1));
    end if;
    update conversation_messages m
    set external_id = coalesce(m.external_id, p_sid),
        status = case
            when m.status not in ('queued', 'unknown') then m.status
            when p_status = 'unknown' and m.external_id is not null then m.status -- a callback has shown that it was taken
            else p_status end,
        error_code = coalesce(m.error_code, p_error_code),
        error_message = coalesce(m.error_message, p_error_message),
        segments = coalesce(p_segments, m.segments),
        price = coalesce(p_price, m.price),
        updated_at = now()
    where m.id = p_id and m.workspace_id = p_workspace
    returning * into message;
    if found and p_error_code is not null then
        perform apply_carrier_code(message, p_error_code);
    end if;
    if p_sid is not null then
        perform adopt_reports(p_sid);
    end if;
    if p_key is null then
        return;
    elsif p_keep_key then
        update idempotency_keys k set answer = p_answer where k.workspace_id = p_workspace and k.key = p_key;
    else
        delete from idempotency_keys k where k.workspace_id = p_workspace and k.key = p_key;
    end if;
end $$;
