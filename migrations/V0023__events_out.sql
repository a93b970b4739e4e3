-- Events out: what happened, told to the EventBridge bus and to the endpoints of the workspace.
--
-- A trigger writes the event in the transaction that it tells of, so there is never one without the other, and a delivery that
-- changes nothing tells nothing. An event names what it is about and keeps only what may change later (a status); texts and
-- numbers are read from their own rows when it is told, so that what is erased there is erased here.

create table webhook_endpoints (
    id                    uuid primary key,
    workspace_id          uuid not null references workspaces (id) on delete cascade,
    url                   text not null check (length(url) <= 2000),
    description           text,
    event_types           text[] not null default '{}',
    secret                text not null,
    previous_secret       text,
    previous_secret_until timestamptz,
    is_active             boolean not null default true,
    disabled_reason       text,
    failures              integer not null default 0,
    failing_since         timestamptz,
    next_attempt_at       timestamptz not null default now(),
    lease                 uuid,
    leased_until          timestamptz,
    claimed_at            timestamptz,
    created_at            timestamptz not null default now(),
    updated_at            timestamptz not null default now()
);
comment on column webhook_endpoints.event_types is 'which events it gets; empty: all';
comment on column webhook_endpoints.secret is 'signs what is sent there (Standard Webhooks); shown once, kept since the signature is symmetric';
comment on column webhook_endpoints.previous_secret is 'signs as well for a day after a rotation';
comment on column webhook_endpoints.failures is 'attempts that failed in a row, by fault of the endpoint and not of one event';
comment on column webhook_endpoints.lease is 'which run delivers there now: one at a time, so that events keep their order';
create index webhook_endpoints_workspace on webhook_endpoints (workspace_id);

create table events (
    workspace_id uuid not null references workspaces (id) on delete cascade,
    id           uuid not null,
    type         text not null check (type in (
                     'message.received', 'message.status_changed', 'call.completed', 'number.provisioned', 'number.failed',
                     'number.released', 'consent.changed')),
    subject_id   uuid,
    data         jsonb not null default '{}',
    occurred_at  timestamptz not null default now(),
    bus_due_at   timestamptz,
    bus_attempts integer not null default 0,
    bus_error    text,
    bus_sent_at  timestamptz,
    primary key (workspace_id, id)
);
comment on column events.subject_id is 'the message, number or order that it is about';
comment on column events.bus_due_at is 'when it goes to the bus; null: there is none, or it is there';
create index events_bus_due on events (id) where bus_due_at is not null;

create table event_deliveries (
    workspace_id    uuid not null,
    event_id        uuid not null,
    endpoint_id     uuid not null references webhook_endpoints (id) on delete cascade,
    state           text not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
    attempts        integer not null default 0,
    next_attempt_at timestamptz not null default now(),
    last_status     integer,
    last_error      text,
    delivered_at    timestamptz,
    replayed_at     timestamptz,
    primary key (endpoint_id, event_id),
    foreign key (workspace_id, event_id) references events (workspace_id, id) on delete cascade
);
create index event_deliveries_event on event_deliveries (workspace_id, event_id);
create index event_deliveries_pending on event_deliveries (endpoint_id, event_id) where state = 'pending';

create table event_attempts (
    id           uuid primary key,
    workspace_id uuid not null,
    event_id     uuid not null,
    endpoint_id  uuid not null,
    attempted_at timestamptz not null default now(),
    status       integer,
    error        text,
    duration_ms  integer not null,
    foreign key (endpoint_id, event_id) references event_deliveries (endpoint_id, event_id) on delete cascade
);
comment on column event_attempts.status is 'what the endpoint answered; null: nothing';
create index event_attempts_delivery on event_attempts (endpoint_id, event_id);

-- One row while there is a bus. The functions know it by EVENT_BUS_NAME, and the reconciler writes it down here.
create table event_bus (
    is_there boolean primary key default true check (is_there),
    name     text not null,
    since    timestamptz not null default now()
);

-- Ids in the order of time, to the microsecond: UUIDv7 with the fraction of the millisecond in its next twelve bits.
create function event_id() returns uuid
language plpgsql volatile as $$
declare
    micros bigint := extract(epoch from clock_timestamp()) * 1000000;
begin
    return lpad(to_hex(micros / 1000 * 65536 + x'7000'::bigint + micros % 1000 * 4), 16, '0')
        || substr(gen_random_uuid()::text, 20); -- its variant and the random bits after it
end $$;

create function emit_event(p_workspace uuid, p_type text, p_subject uuid, p_data jsonb) returns void
language plpgsql as $$
declare
    new_id uuid := event_id();
begin
    insert into events (workspace_id, id, type, subject_id, data, bus_due_at)
    values (p_workspace, new_id, p_type, p_subject, p_data, (select now() from event_bus));
    -- asked first: most workspaces have none, and a new connection then plans one insertion less
    if exists (select from webhook_endpoints e where e.workspace_id = p_workspace) then
        insert into event_deliveries (workspace_id, event_id, endpoint_id)
        select p_workspace, new_id, e.id
        from webhook_endpoints e
        where e.workspace_id = p_workspace and e.is_active and (e.event_types = '{}' or p_type = any (e.event_types));
    end if;
end $$;

create function tell_of_received_message() returns trigger
language plpgsql as $$
begin
    perform emit_event(new.workspace_id, 'message.received', new.id, '{}');
    return null;
end $$;
create trigger message_received after insert on conversation_messages for each row
    when (new.direction = 'inbound' and new.status = 'received') execute function tell_of_received_message();

create function tell_of_status() returns trigger
language plpgsql as $$
begin
    if (select c.channel from conversations c where c.id = new.conversation_id) <> 'call' then
        perform emit_event(new.workspace_id, 'message.status_changed', new.id, jsonb_strip_nulls(jsonb_build_object(
            'status', new.status, 'previousStatus', old.status, 'errorCode', new.error_code)));
    elsif call_status_rank(new.status) = 4 and call_status_rank(old.status) < 4 then
        perform emit_event(new.workspace_id, 'call.completed', new.id, jsonb_build_object('status', new.status));
    end if;
    return null;
end $$;
create trigger message_status_changed after update on conversation_messages for each row
    when (old.status is distinct from new.status) execute function tell_of_status();

create function tell_of_order() returns trigger
language plpgsql as $$
begin
    if new.state = 'active' then
        perform emit_event(new.workspace_id, 'number.provisioned', new.phone_number_id, jsonb_build_object('orderId', new.id));
    else
        perform emit_event(new.workspace_id, 'number.failed', new.id, jsonb_strip_nulls(jsonb_build_object('reason', new.reason)));
    end if;
    return null;
end $$;
create trigger order_begins_failed after insert on provisioning_orders for each row
    when (new.state = 'needs_attention') execute function tell_of_order();
create trigger order_ends after update on provisioning_orders for each row
    when (old.state is distinct from new.state and new.state in ('active', 'needs_attention')) execute function tell_of_order();

create function tell_of_release() returns trigger
language plpgsql as $$
begin
    perform emit_event(new.workspace_id, 'number.released', new.id, '{}');
    return null;
end $$;
create trigger number_released after update on workspace_phone_numbers for each row
    when (old.status <> 'released' and new.status = 'released') execute function tell_of_release();

-- all workspaces: on a shared number the customer's word binds everybody who wrote from it
create function tell_of_consent() returns trigger
language plpgsql as $$
begin
    if new.workspace_id is not null then
        perform emit_event(new.workspace_id, 'consent.changed', null, jsonb_build_object('changeId', new.id));
    else
        perform emit_event(c.workspace_id, 'consent.changed', null, jsonb_build_object('changeId', new.id))
        from conversations c
        where c.business_phone = new.business_phone and c.customer_phone = new.customer_phone
          and c.channel <> 'call' and c.last_outbound_at is not null;
    end if;
    return null;
end $$;
create trigger consent_changed after insert on opt_out_changes for each row execute function tell_of_consent();

-- What is sent of an event.
create function event_document(p_event events) returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'id', (p_event).id, 'type', (p_event).type, 'timestamp', api_time((p_event).occurred_at), 'workspaceId', (p_event).workspace_id,
        'data', coalesce(case split_part((p_event).type, '.', 1)
            when 'message' then (
                select jsonb_build_object(
                    'messageId', m.id, 'conversationId', m.conversation_id, 'channel', c.channel, 'direction', m.direction,
                    'from', m.sender_phone, 'to', m.recipient_phone, 'body', m.body, 'attachments', attachments_view(m),
                    'segments', m.segments, 'sid', m.external_id, 'status', m.status, 'createdAt', api_time(m.created_at))
                from conversation_messages m join conversations c on c.id = m.conversation_id
                where m.id = (p_event).subject_id and m.workspace_id = (p_event).workspace_id)
            when 'call' then (
                select jsonb_build_object(
                    'messageId', m.id, 'conversationId', m.conversation_id, 'channel', 'call', 'direction', m.direction,
                    'from', m.sender_phone, 'to', m.recipient_phone, 'sid', m.external_id, 'durationSeconds', m.call_duration,
                    'createdAt', api_time(m.created_at))
                from conversation_messages m
                where m.id = (p_event).subject_id and m.workspace_id = (p_event).workspace_id)
            when 'consent' then (
                select jsonb_build_object(
                    'businessPhone', k.business_phone, 'customerPhone', k.customer_phone, 'optedOut', k.opted_out, 'word', k.word,
                    'actor', k.actor, 'changedAt', api_time(k.changed_at))
                from opt_out_changes k where k.id = ((p_event).data ->> 'changeId')::bigint)
            else coalesce((
                select jsonb_build_object('orderId', o.id, 'numberType', o.number_type, 'areaCode', o.area_code, 'attempts', o.attempts)
                from provisioning_orders o
                where (p_event).type = 'number.failed' and o.id = (p_event).subject_id and o.workspace_id = (p_event).workspace_id), (
                select jsonb_build_object(
                    'phoneNumberId', n.id, 'phoneNumber', n.phone_number, 'numberType', n.number_type, 'label', n.friendly_name)
                from workspace_phone_numbers n
                where (p_event).type <> 'number.failed' and n.id = (p_event).subject_id and n.workspace_id = (p_event).workspace_id))
        end, '{}') || ((p_event).data - 'changeId'))
$$;

-- How long after the n-th failure in a row the next attempt comes: nine over three days.
create function event_backoff(p_failures integer) returns interval
language sql volatile as $$
    select make_interval(secs => (array[60, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400])[least(greatest(p_failures, 1), 9)]
                                 * (1 + random() / 10))
$$;

-- Events that the bus lacks, oldest first; another run takes others, and who breaks off leaves them to the next after a minute.
-- With a bus that was not there before, what happened in the last day is told as well.
-- all workspaces: there is one bus
create function claim_bus_events(p_bus text, p_limit integer)
returns table (id uuid, type text, occurred_at timestamptz, document jsonb)
language plpgsql as $$
#variable_conflict use_column
begin
    if p_bus is null then
        delete from event_bus where is_there;
        return;
    end if;
    if not exists (select 1 from event_bus where name = p_bus) then
        insert into event_bus (name) values (p_bus) on conflict (is_there) do update set name = excluded.name;
        update events e set bus_due_at = now()
        where e.bus_due_at is null and e.bus_sent_at is null and e.occurred_at > now() - interval '1 day';
    end if;
    return query
    with due as (
        select e.workspace_id, e.id from events e
        where e.bus_due_at is not null and e.bus_due_at <= now()
        order by e.id limit p_limit for update skip locked),
    taken as (
        update events e set bus_due_at = now() + interval '1 minute', bus_attempts = e.bus_attempts + 1
        from due where e.workspace_id = due.workspace_id and e.id = due.id
        returning e.*)
    select t.id, t.type, t.occurred_at, event_document(row(t.*)::events) from taken t order by t.id;
end $$;

-- What the bus made of them: `p_refused` is `[{"id": …, "error": …}]`.
-- all workspaces: there is one bus
create function finish_bus_events(p_sent uuid[], p_refused jsonb) returns void
language sql as $$
    update events e set bus_sent_at = now(), bus_due_at = null, bus_error = null
    where e.id = any (p_sent) and e.bus_due_at is not null;
    update events e
    set bus_error = left(r ->> 'error', 500), bus_due_at = now() + least(event_backoff(e.bus_attempts), interval '1 hour')
    from jsonb_array_elements(p_refused) r
    where e.id = (r ->> 'id')::uuid and e.bus_due_at is not null
$$;

-- Endpoints with something to deliver, each for one run at a time: those that answer before those that do not, and who waited
-- longest first.
-- all workspaces: whoever has something due is served
create function claim_endpoints(p_lease uuid, p_limit integer, p_seconds integer)
returns table (id uuid, workspace_id uuid, url text, secret text, previous_secret text)
language plpgsql as $$
#variable_conflict use_column
begin
    return query
    update webhook_endpoints e
    set lease = p_lease, leased_until = clock_timestamp() + make_interval(secs => p_seconds), claimed_at = clock_timestamp()
    where e.id in (
        select c.id from webhook_endpoints c
        where c.is_active and c.next_attempt_at <= now() and (c.leased_until is null or c.leased_until < now())
          and exists (select 1 from event_deliveries d
                      where d.endpoint_id = c.id and d.state = 'pending' and d.next_attempt_at <= now())
        order by c.failures > 0, c.claimed_at nulls first
        limit p_limit for update skip locked)
    returning e.id, e.workspace_id, e.url, e.secret,
              case when e.previous_secret_until > now() then e.previous_secret end;
end $$;

-- What is due at an endpoint, in the order in which it happened.
create function due_deliveries(p_workspace uuid, p_endpoint uuid, p_lease uuid, p_limit integer)
returns table (event_id uuid, document jsonb)
language plpgsql as $$
#variable_conflict use_column
begin
    perform act_for(p_workspace);
    return query
    select e.id, event_document(row(e.*)::events)
    from event_deliveries d
    join webhook_endpoints w on w.id = d.endpoint_id and w.is_active and w.lease = p_lease
    join events e on e.workspace_id = d.workspace_id and e.id = d.event_id
    where d.endpoint_id = p_endpoint and d.workspace_id = p_workspace and d.state = 'pending' and d.next_attempt_at <= now()
    order by d.event_id
    limit p_limit;
end $$;

-- Keeps an attempt. `delivered`; `passed` (this event is refused as such, the next may go); `stopped` (the endpoint does not work:
-- everything waits, in its order); `disabled`.
create function record_attempt(
    p_id uuid, p_workspace uuid, p_endpoint uuid, p_event uuid, p_status integer, p_error text, p_duration_ms integer,
    p_retry_after integer)
returns text language plpgsql as $$
declare
    target webhook_endpoints;
    delivery event_deliveries;
    pause interval;
begin
    perform act_for(p_workspace);
    select * into target from webhook_endpoints w where w.id = p_endpoint and w.workspace_id = p_workspace for update;
    select * into delivery from event_deliveries d
    where d.endpoint_id = p_endpoint and d.event_id = p_event and d.workspace_id = p_workspace for update;
    if target.id is null or delivery.event_id is null then
        return 'disabled'; -- deleted meanwhile
    end if;
    insert into event_attempts (id, workspace_id, event_id, endpoint_id, status, error, duration_ms)
    values (p_id, p_workspace, p_event, p_endpoint, p_status, p_error, p_duration_ms)
    on conflict (id) do nothing;
    if not found then
        return 'passed'; -- the same call again, after its answer was lost
    end if;
    update event_deliveries d
    set attempts = d.attempts + 1, last_status = p_status, last_error = p_error
    where d.endpoint_id = p_endpoint and d.event_id = p_event returning * into delivery;

    if p_status between 200 and 299 then
        update event_deliveries d set state = 'delivered', delivered_at = now(), last_error = null
        where d.endpoint_id = p_endpoint and d.event_id = p_event;
        update webhook_endpoints w set failures = 0, failing_since = null
        where w.id = p_endpoint and w.failing_since is not null;
        return 'delivered';
    end if;

    pause := greatest(event_backoff(delivery.attempts), make_interval(secs => least(coalesce(p_retry_after, 0), 3600)));
    if p_status in (400, 413, 415, 422) then
        update event_deliveries d
        set next_attempt_at = now() + pause, state = case when d.attempts > 9 then 'failed' else d.state end
        where d.endpoint_id = p_endpoint and d.event_id = p_event;
        return 'passed';
    end if;

    if p_status = 410 or target.failing_since < now() - interval '5 days' then
        update webhook_endpoints w
        set is_active = false, updated_at = now(),
            disabled_reason = case when p_status = 410 then 'the endpoint answered 410 Gone' else 'no delivery succeeded for five days' end
        where w.id = p_endpoint;
        update event_deliveries d set state = 'failed' where d.endpoint_id = p_endpoint and d.state = 'pending';
        return 'disabled';
    end if;
    pause := greatest(event_backoff(target.failures + 1), make_interval(secs => least(coalesce(p_retry_after, 0), 3600)));
    update event_deliveries d
    set next_attempt_at = now() + pause, state = case when d.attempts > 9 then 'failed' else d.state end
    where d.endpoint_id = p_endpoint and d.event_id = p_event;
    update webhook_endpoints w
    set failures = w.failures + 1, failing_since = coalesce(w.failing_since, now()), next_attempt_at = now() + pause
    where w.id = p_endpoint;
    return 'stopped';
end $$;

create function release_endpoint(p_workspace uuid, p_endpoint uuid, p_lease uuid) returns void
language plpgsql as $$
begin
    perform act_for(p_workspace);
    update webhook_endpoints w set lease = null, leased_until = null where w.id = p_endpoint and w.lease = p_lease;
end $$;

-- Forgets what happened long ago, a part of it at a time.
-- all workspaces: the rule is the same for everybody
create function purge_events(p_days integer, p_limit integer) returns bigint
language sql as $$
    with old as (
        select e.workspace_id, e.id from events e
        where e.occurred_at < now() - make_interval(days => p_days)
          and not exists (select 1 from event_deliveries d
                          where d.workspace_id = e.workspace_id and d.event_id = e.id and d.state = 'pending')
        limit p_limit),
    gone as (
        delete from events e using old where e.workspace_id = old.workspace_id and e.id = old.id returning 1)
    select count(*) from gone
$$;
