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
-- earlier try with this key broke off: `message_id` is its row), `held` (until `send_at`: the reconciler sends it then), or a
-- refusal: those of `authorise`, `country_not_allowed`, `destination_blocked`, `sending_disabled`, `no_number`,
-- `number_not_ready`, `quiet_hours` (until `send_at`), `opted_out`, `loop_detected`, `rate_limited`, `daily_cap`, with `detail`
-- saying why. `p_refusal` is what the caller found out about the destination; it counts once it is known who asks.
create function begin_outbound(
    p_workspace uuid, p_owner text, p_api_key bytea, p_scope text,
    p_id uuid, p_key text, p_hash bytea, p_channel text, p_to text, p_body text,
    p_attachments jsonb, p_segments integer, p_from text, p_platform text, p_whatsapp text, p_connect text, p_at timestamptz,
    p_refusal text, p_quiet text, p_resend_of uuid default null,
    out outcome text, out detail text, out from_phone text, out conversation_id uuid, out message_id uuid, out answer jsonb,
    out created_at timestamptz, out send_at timestamptz, out retry_after_seconds integer, out max_price numeric)
language plpgsql as $$
declare
    permit record;
    place record;
    allowed tier_limits;
    price numeric;
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

    allowed := limits_of(p_workspace, tenant.subscription_tier);
    max_price := case when p_channel = 'call' then allowed.max_price_per_minute
                      when p_channel = 'sms' then allowed.max_price_per_segment * greatest(coalesce(p_segments, 1), 1)
                          + case when p_attachments <> '[]' then allowed.max_price_per_segment * 2 else 0 end end;

    <<decision>>
    begin -- whatever leaves this block is counted behind it
    -- The same call again, after its answer was lost. The first may still be about to commit: it is waited for.
    perform pg_advisory_xact_lock(hashtextextended(p_id::text, 6));
    select m.id, m.sender_phone, m.conversation_id, m.created_at, m.send_after
    into message_id, from_phone, conversation_id, created_at, send_at
    from conversation_messages m where m.id = p_id and m.workspace_id = p_workspace;
    if found then
        outcome := case when send_at is not null then 'held' when may_still_send(p_workspace, p_id) then 'created' else 'opted_out' end;
        exit decision;
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
                when (select m.send_after is not null from conversation_messages m where m.id = known.message_id) then 'held'
                -- no function runs for as long as this: whoever held the key is gone
                when known.created_at < now() - interval '2 minutes' then 'unsettled'
                else 'running' end;
            if outcome = 'unsettled' then
                update conversation_messages m set status = 'unknown', updated_at = now()
                where m.id = known.message_id and m.status = 'queued' and m.external_id is null;
            end if;
            if outcome in ('unsettled', 'held') then
                select m.conversation_id, m.sender_phone, m.created_at, m.send_after
                into conversation_id, from_phone, created_at, send_at
                from conversation_messages m where m.id = known.message_id;
            end if;
            exit decision;
        end if;
    end if;

    if not allowed.sending_enabled then
        outcome := 'sending_disabled';
        exit decision;
    elsif p_refusal is not null then
        outcome := p_refusal;
        exit decision;
    end if;
    detail := coalesce('to: ' || blocked_because(p_to), 'connect: ' || blocked_because(p_connect));
    if detail is not null then
        outcome := 'destination_blocked';
        exit decision;
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
                exit decision;
            end if;
        elsif own.status <> 'active' then
            outcome := 'no_number';
            detail := 'the number named in "from" is ' || own.status;
            exit decision;
        end if;
    elsif tenant.subscription_tier <> 'starter' or p_channel = 'whatsapp' then
        select n.* into own
        from conversations c join workspace_phone_numbers n on n.id = c.phone_number_id and n.status <> 'released'
        where c.workspace_id = p_workspace and c.customer_phone = p_to
          and (p_channel <> 'whatsapp' or c.channel = 'whatsapp')
        order by c.last_message_at desc nulls last
        limit 1;
        if own.status <> 'active' then
            outcome := 'no_number';
            detail := format('the number that this customer last talked with (%s) is %s; name another one in "from"',
                             own.phone_number, own.status);
            exit decision;
        elsif not found and p_channel <> 'whatsapp' then
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
                exit decision;
            end if;
        end if;
    end if;
    from_phone := coalesce(own.phone_number, shared);
    if from_phone is null then
        outcome := 'no_number';
        detail := 'there is no shared number for this channel';
        exit decision;
    end if;

    if own.id is not null and lacks_capability(own, p_channel) then
        outcome := 'no_number';
        detail := format('%s cannot carry %s; name another number in "from"', own.phone_number,
                         case p_channel when 'call' then 'calls' else 'texts' end);
        exit decision;
    end if;
    if p_channel = 'sms' and own.id is not null then
        select * into readiness from phone_number_readiness r
        where r.phone_number_id = own.id and r.messaging_readiness in ('pending', 'failed');
        if found then
            outcome := 'number_not_ready';
            detail := 'the number cannot text yet: ' ||
                coalesce(readiness.reason, 'its campaign assignment is ' || readiness.messaging_readiness);
            exit decision;
        end if;
    end if;

    if allowed.quiet_from is not null then
        send_at := quiet_until(
            allowed.quiet_from, allowed.quiet_until, phone_zones_of(p_to, allowed.time_zone), p_at);
    end if;
    if send_at is not null and p_quiet is distinct from 'hold' then
        outcome := 'quiet_hours';
        exit decision;
    end if;

    thread := lock_conversation(p_workspace, own.id, from_phone, p_to, p_channel);
    conversation_id := (thread).id;
    created_at := p_at;
    perform lock_consent(from_phone, p_to);
    if p_channel <> 'call' and is_opted_out(p_workspace, from_phone, p_to) then
        outcome := 'opted_out';
    elsif is_looping(conversation_id, allowed, p_at) then
        outcome := 'loop_detected';
        retry_after_seconds := 60 * allowed.loop_minutes;
    else
        price := send_estimate(p_channel, p_segments, p_attachments);
        select * into place from reserve_send(p_workspace, allowed, p_channel = 'call', price);
        outcome := place.refusal;
        detail := place.detail;
        retry_after_seconds := place.retry_after_seconds;
    end if;
    if outcome is not null then
        if (thread).message_count = 0 then
            delete from conversations c where c.id = (thread).id and c.message_count = 0;
        end if;
        exit decision;
    end if;
    -- The consent check and the row are one statement, under the lock. A person who asked not to be texted may still be called.
    insert into conversation_messages as m (
        id, workspace_id, conversation_id, direction, body, sender_phone, recipient_phone, status, segments, attachments,
        connect_phone, send_after, reserved_price, resend_of, created_at)
    select p_id, p_workspace, conversation_id, 'outbound', p_body, from_phone, p_to, 'queued', p_segments, p_attachments,
           p_connect, send_at, price,
           (select f.id from conversation_messages f where f.id = p_resend_of and f.workspace_id = p_workspace), p_at
    where p_channel = 'call' or not is_opted_out(p_workspace, from_phone, p_to)
    returning m.id into message_id;
    if message_id is null then
        outcome := 'opted_out';
        exit decision;
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
    outcome := case when send_at is null then 'created' else 'held' end;
    end decision;

    if outcome not in ('created', 'held', 'replay', 'running', 'mismatch', 'unsettled') then
        perform count_refusal(p_workspace, outcome);
    end if;
end $$;

alter table conversation_messages add column offered_at timestamptz;
comment on column conversation_messages.offered_at is 'when leave to send it was last given anew; a STOP waits for what that led to';

-- Asked again before a message is offered to the carrier later than in one breath with its row (`signalwire::Leave`): whoever opted
-- out meanwhile gets nothing, and the row says so.
create function may_still_send(p_workspace uuid, p_id uuid) returns boolean
language plpgsql as $$
declare
    waiting conversation_messages;
begin
    perform act_for(p_workspace);
    select m.* into waiting from conversation_messages m join conversations c on c.id = m.conversation_id
    where m.id = p_id and m.workspace_id = p_workspace and c.channel <> 'call';
    if not found then
        return true;
    end if;
    perform lock_consent(waiting.sender_phone, waiting.recipient_phone);
    if not is_opted_out(p_workspace, waiting.sender_phone, waiting.recipient_phone) then
        update conversation_messages m set offered_at = clock_timestamp() where m.id = p_id;
        return true;
    end if;
    update conversation_messages m
    set status = 'failed', error_message = 'the customer opted out before it was sent', updated_at = now()
    where m.id = p_id and m.status in ('queued', 'unknown') and m.external_id is null;
    return false;
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
    perform act_for(p_workspace);
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
