-- Calls: what the voice webhook asks while a caller waits.

-- An inbound call, once, and how to answer it. `p_may_text`: whether a text may go to the caller, should nobody answer.
create function record_inbound_call(
    p_id uuid, p_sid text, p_business text, p_customer text, p_status text, p_shared boolean, p_may_text boolean, p_at timestamptz,
    out outcome text, out workspace_id uuid, out workspace_name text, out message_id uuid,
    out forward_to text[], out greeting text)
language plpgsql as $$
declare
    number_id uuid;
    thread conversations;
    rung_at timestamptz := p_at;
    allowed tier_limits;
    refused text[];
begin
    select o_workspace, o_number_id into workspace_id, number_id
    from route_inbound(p_business, p_customer, p_sid, p_shared);
    perform act_for(workspace_id);

    if workspace_id is null then
        insert into unrouted_messages (id, external_id, channel, sender_phone, recipient_phone, received_at)
        values (p_id, p_sid, 'call', p_customer, p_business, p_at)
        on conflict do nothing
        returning id into message_id;
        outcome := case when message_id is null then 'unrouted_duplicate' else 'unrouted' end;
        return;
    end if;

    outcome := 'recorded';
    select w.name into workspace_name from workspaces w where w.id = workspace_id;
    thread := lock_conversation(workspace_id, number_id, p_business, p_customer, 'call');
    insert into conversation_messages as m (
        id, workspace_id, conversation_id, direction, body, sender_phone, recipient_phone, external_id, status, may_text_back,
        created_at)
    values (p_id, workspace_id, (thread).id, 'inbound', '', p_customer, p_business, p_sid, p_status, p_may_text, p_at)
    on conflict do nothing
    returning m.id into message_id;
    if message_id is null then
        outcome := 'duplicate';
        select m.id, m.created_at into message_id, rung_at from conversation_messages m
        where m.external_id = p_sid and m.workspace_id = record_inbound_call.workspace_id;
    else
        perform touch_conversation_inbound(thread, number_id, '[call]', p_at);
        perform adopt_reports(p_sid);
    end if;

    -- a repeat after closing time is answered as the call was
    select case when voice_is_open(s.business_hours, s.time_zone, rung_at) then s.forward_to else '{}' end, s.greeting
    into forward_to, greeting
    from voice_settings s where s.phone_number_id = number_id;

    -- a forwarded call is a call that we pay for
    if cardinality(forward_to) > 0 then
        select l.* into allowed from workspaces w, limits_of(w.id, w.subscription_tier) l
        where w.id = record_inbound_call.workspace_id;
        if not allowed.sending_enabled then
            refused := array['sending_disabled'];
            forward_to := '{}';
        else
            select array_agg('destination_blocked'::text) into refused from unnest(forward_to) t where blocked_because(t) is not null;
            forward_to := array(select t from unnest(forward_to) t where blocked_because(t) is null);
        end if;
        if refused is not null and outcome = 'recorded' then
            perform count_refusal(record_inbound_call.workspace_id, refused[1]);
        end if;
    end if;
end $$;

-- How the forwarded leg of an inbound call ended, and what voicemail needs when nobody answered. `p_call`: how the call itself ended, when
-- it has: a report like any other.
create function record_dial_result(p_sid text, p_dial_status text, p_call jsonb, out workspace_name text, out greeting text)
language plpgsql as $$
begin
    perform record_report('dial', null, p_sid, jsonb_build_object('status', p_dial_status));
    if p_call is not null then
        perform record_report('call', null, p_sid, p_call);
    end if;
    select w.name, s.greeting into workspace_name, greeting
    from conversation_messages m
    join workspaces w on w.id = m.workspace_id
    join conversations c on c.id = m.conversation_id
    left join voice_settings s on s.phone_number_id = c.phone_number_id
    where m.external_id = p_sid
    limit 1;
end $$;
