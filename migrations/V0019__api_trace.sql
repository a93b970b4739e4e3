-- The workspace API: the whole story of one message.

-- Everything that is known of a message: why it is this workspace's, why it went out from that number, what the carrier reported,
-- which tries there were, and what it cost.
create function api_trace_message(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    message conversation_messages;
    thread conversations;
    own workspace_phone_numbers;
    before conversations;
    routing text;
    sender text;
    expected numeric;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    select * into message from conversation_messages m where m.id = (p ->> 'messageId')::uuid and m.workspace_id = p_workspace;
    if not found then
        return api_refused('not_found');
    end if;
    select * into thread from conversations c where c.id = message.conversation_id;
    select * into own from workspace_phone_numbers n where n.id = thread.phone_number_id;

    if message.direction = 'inbound' then
        routing := case when own.id is not null
            then format('%s is a number of this workspace since %s', message.recipient_phone, api_time(own.provisioned_at))
            else format('%s is shared; this workspace was the last to write to %s from it (%s)', message.recipient_phone,
                        message.sender_phone, coalesce((
                select api_time(max(m.created_at)) from conversation_messages m
                where m.conversation_id = thread.id and m.direction = 'outbound' and m.created_at <= message.created_at), 'time unknown'))
            end;
    else
        routing := 'a caller of this workspace asked for it';
        -- the rule is: what the caller names, else whom the customer last talked with, else the primary. What the rule would give
        -- without a name needs none; anything else was named.
        select c.* into before from conversations c cross join lateral (
            select max(m.created_at) as at from conversation_messages m
            where m.conversation_id = c.id and m.created_at < message.created_at and m.id <> message.id) as last
        where c.workspace_id = p_workspace and c.customer_phone = message.recipient_phone and last.at is not null
        order by last.at desc limit 1;
        sender := case
            when message.resend_of is not null then 'the number of the message that it repeats'
            when own.id is null then 'the shared number: the workspace had none of its own for this channel'
            when before.business_phone = message.sender_phone then format('the number that %s last talked with', message.recipient_phone)
            when before.id is null and own.number_type = 'primary' then 'the workspace''s primary number: the customer was new'
            else 'the caller named it' end;
    end if;

    expected := expected_price(message, thread.channel);
    return api_done(jsonb_build_object(
        'message', message_view(message, thread.channel),
        'workspaceReason', routing,
        'fromReason', sender,
        'idempotencyKey', (select k.key from idempotency_keys k where k.workspace_id = p_workspace and k.message_id = message.id limit 1),
        'callbacks', coalesce((
            select jsonb_agg(jsonb_build_object(
                'status', r.status, 'errorCode', r.error_code, 'sequence', r.sequence,
                'reportedAt', api_time(r.reported_at), 'receivedAt', api_time(r.received_at)) order by r.received_at, r.id)
            from status_reports r where r.message_id = message.id and r.workspace_id = p_workspace), '[]'),
        'attempts', (
            with recursive older as (
                select m.* from conversation_messages m where m.id = message.id
                union all
                select m.* from conversation_messages m join older o on m.id = o.resend_of where m.workspace_id = p_workspace),
            newer as (
                select m.* from conversation_messages m where m.id = message.id
                union all
                select m.* from conversation_messages m join newer n on m.resend_of = n.id where m.workspace_id = p_workspace)
            select jsonb_agg(jsonb_build_object(
                'messageId', a.id, 'status', a.status, 'errorCode', a.error_code, 'sid', a.external_id,
                'createdAt', api_time(a.created_at)) order by a.created_at, a.id)
            from (select id, status, error_code, external_id, created_at from older
                  union select id, status, error_code, external_id, created_at from newer) as a),
        'consentChanges', coalesce((
            select jsonb_agg(jsonb_build_object('optedOut', o.opted_out, 'word', o.word, 'at', api_time(o.changed_at)) order by o.id)
            from opt_out_changes o
            where o.business_phone = thread.business_phone and o.customer_phone = thread.customer_phone
              and o.message_sid = message.external_id), '[]'),
        'cost', coalesce(api_money(message.price, message.price_unit), api_money(round(expected, 4), 'USD')),
        'costSource', case when message.price is not null then 'reported' when expected is not null then 'estimated' else 'unknown' end,
        'segments', message.segments,
        'lastCheckedAt', api_time(message.checked_at)));
end $$;
