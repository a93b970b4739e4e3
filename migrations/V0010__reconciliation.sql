-- What the reconciler keeps: when it last looked at a row, and what each run did.

alter table conversation_messages add column checked_at timestamptz;
comment on column conversation_messages.checked_at is 'when the reconciler last asked the carrier about it';

-- Rows that still wait for their end. Few at any time, so the index is small.
create index conversation_messages_open on conversation_messages (created_at)
    where status in ('queued', 'sending', 'sent', 'unknown', 'ringing', 'in-progress');

create table reconciler_runs (
    id          uuid primary key,
    schedule    text not null,
    started_at  timestamptz not null default now(),
    finished_at timestamptz,
    report      jsonb not null default '{}'
);
comment on table reconciler_runs is 'one row a run; report says how many of what was looked at, changed and failed';
create index reconciler_runs_started on reconciler_runs (started_at);

-- Begins a run. Gives the page at which the last one, cut short, left the comparison of messages; pages are asked for by a token that
-- names a message, so one of yesterday is still good.
-- all workspaces: a run belongs to none
create function begin_run(p_id uuid, p_schedule text) returns text
language plpgsql as $$
declare
    resume text;
begin
    select r.report ->> 'resume' into resume from reconciler_runs r
    where r.finished_at > now() - interval '1 day' and r.id <> p_id
    order by r.finished_at desc limit 1;
    insert into reconciler_runs (id, schedule) values (p_id, p_schedule) on conflict (id) do nothing;
    return resume;
end $$;

-- Numbers at the carrier that carry an order of ours but belong to nobody here: kept for the next order, or until the carrier takes
-- them back.
create table spare_numbers (
    phone_number     text primary key,
    phone_number_sid text not null,
    order_id         uuid,
    reason           text not null,
    leased_until     timestamptz,
    found_at         timestamptz not null default now(),
    released_at      timestamptz
);
comment on column spare_numbers.leased_until is 'until then it may be on its way back to the carrier, and no order takes it';

-- Takes some messages and calls without an end to look at. The older a row is, the rarer it is asked about, but for calls that go on
-- and sends of which nothing is known, which nothing else would tell of; what has been sent for a day has no receipt (FACTS 4: MMS never
-- has), and after five days nothing more is heard of anything.
-- all workspaces: a sweep
create function claim_open_messages(p_limit integer)
returns table (id uuid, workspace_id uuid, external_id text, channel text, direction text, status text, sender_phone text,
               recipient_phone text, connect_phone text, body text, created_at timestamptz)
language sql as $$
    update conversation_messages m set checked_at = now()
    from conversations c
    where c.id = m.conversation_id and m.id in (
        select o.id from conversation_messages o
        where o.status in ('queued', 'sending', 'sent', 'unknown', 'ringing', 'in-progress')
          and o.created_at > now() - interval '5 days'
          and o.send_after is null -- held: its time comes
          and (o.status <> 'sent' or o.created_at > now() - interval '1 day')
          and (o.checked_at is null or o.checked_at < now() - least((now() - o.created_at) / 4,
              case when o.status in ('sending', 'sent') then interval '6 hours' else interval '10 minutes' end))
        order by o.checked_at nulls first, o.created_at
        limit p_limit
        for update skip locked)
    returning m.id, m.workspace_id, m.external_id, c.channel, m.direction, m.status, m.sender_phone, m.recipient_phone,
              m.connect_phone, m.body, coalesce(m.released_at, m.created_at)
$$;

-- A message or call whose answer was lost has been found at the carrier: `true` if it is this one, and nobody else's.
create function settle_unknown(p_id uuid, p_sid text) returns boolean
language plpgsql as $$
declare
    tenant uuid;
begin
    perform pg_advisory_xact_lock(hashtextextended(p_sid, 1));
    perform act_for(message_workspace(p_id, null, null));
    select m.workspace_id into tenant from conversation_messages m
    where m.id = p_id and m.external_id is null for update;
    if not found or message_workspace(null, p_sid, null) is not null then -- anybody's
        return false;
    end if;
    update conversation_messages set external_id = p_sid, updated_at = now() where id = p_id;
    perform adopt_reports(p_sid);
    return true;
end $$;

-- The carrier knows nothing of it: it was never sent. What had been held goes back and is sent when its turn comes: nobody waits
-- for it any more who could send it again.
create function settle_never_sent(p_id uuid) returns void
language sql as $$
    select act_for(message_workspace(p_id, null, null));
    update conversation_messages
    set status = case when released_at is null then 'failed' else 'queued' end,
        error_message = case when released_at is null then 'the carrier never received it' end,
        send_after = case when released_at is not null then now() end,
        released_at = null,
        updated_at = now()
    where id = p_id and external_id is null and status in ('queued', 'unknown')
$$;

-- What the carrier takes for a message that nobody got; `false` when there is none.
-- all workspaces: such a message belongs to none
create function price_unrouted(p_sid text, p_price numeric, p_segments integer) returns boolean
language plpgsql as $$
begin
    update unrouted_messages u set price = coalesce(p_price, u.price), segments = coalesce(p_segments, u.segments)
    where u.external_id = p_sid;
    return found;
end $$;

-- A page of the carrier's messages beside ours: moves what is behind, fills in prices and segments, and gives the SIDs of
-- inbound ones that no webhook brought.
create function reconcile_messages(p_rows jsonb) returns setof text
language plpgsql as $$
declare
    theirs jsonb;
    ours conversation_messages;
begin
    for theirs in select * from jsonb_array_elements(p_rows) loop
        perform act_for(message_workspace(null, theirs ->> 'sid', null));
        select * into ours from conversation_messages where external_id = theirs ->> 'sid' order by created_at limit 1;
        if found then
            if ours.direction = 'outbound' and (
                message_status_rank(theirs ->> 'status') > message_status_rank(ours.status)
                or (ours.price is null and theirs ->> 'price' is not null)
                or (theirs ->> 'segments')::integer > coalesce(ours.segments, 0)) then -- the greatest count stays
                perform record_report('message', null, theirs ->> 'sid', theirs - 'sid' - 'inbound');
            elsif ours.direction = 'inbound' and ours.price is null and theirs ->> 'price' is not null then
                update conversation_messages set price = (theirs ->> 'price')::numeric, updated_at = now() where id = ours.id;
            end if;
        elsif (theirs ->> 'inbound')::boolean then
            if not price_unrouted(theirs ->> 'sid', (theirs ->> 'price')::numeric, (theirs ->> 'segments')::integer) then
                return next theirs ->> 'sid';
            end if;
        end if;
    end loop;
end $$;

-- Our numbers beside a complete list of the carrier's: `ghost` (ours, not theirs), `orphan` (theirs, not ours; a `spare` among them is
-- known, and waits to be used or given back).
-- all workspaces: the carrier's list knows none
create function compare_numbers(p_theirs jsonb)
returns table (finding text, phone_number_id uuid, phone_number text, sid text, friendly_name text, is_spare boolean)
language sql stable as $$
    select 'ghost', n.id, n.phone_number, n.phone_number_sid, n.friendly_name, false
    from workspace_phone_numbers n
    where n.status <> 'released' and n.created_at < now() - interval '10 minutes'
      and not exists (select 1 from jsonb_array_elements(p_theirs) t where t ->> 'phone_number' = n.phone_number)
    union all
    select 'orphan', null, t ->> 'phone_number', t ->> 'sid', t ->> 'friendly_name',
           exists (select 1 from spare_numbers s where s.phone_number = t ->> 'phone_number' and s.released_at is null)
    from jsonb_array_elements(p_theirs) t
    where not exists (select 1 from workspace_phone_numbers n where n.phone_number = t ->> 'phone_number' and n.status <> 'released')
$$;

-- A number that carries the id of an order but is on nobody's row: `adopted` when the order still waits for a number and takes
-- it, `busy` while somebody works on the order (it may have been bought this second), `spare` when the order has another number,
-- was canceled, or is not known. A spare is leased to the caller, who tries to give it back.
-- all workspaces: the carrier's list knows none
create function adopt_orphan(p_order uuid, p_phone_number text, p_sid text) returns text
language plpgsql as $$
declare
    ordered provisioning_orders;
begin
    select * into ordered from provisioning_orders where id = p_order for update;
    if not found or ordered.state in ('active', 'canceled') or ordered.phone_number_id is not null then
        insert into spare_numbers as s (phone_number, phone_number_sid, order_id, reason)
        values (p_phone_number, p_sid, p_order, 'its order has no use for it')
        on conflict (phone_number) do update set phone_number_sid = excluded.phone_number_sid, released_at = null;
        if exists (select 1 from provisioning_orders o
                   where o.phone_number = p_phone_number and o.state not in ('active', 'canceled')) then
            return 'busy'; -- an order is taking it
        end if;
        update spare_numbers set leased_until = now() + interval '2 minutes' where phone_number = p_phone_number;
        return 'spare';
    elsif ordered.leased_until >= now() then
        return 'busy';
    end if;
    update provisioning_orders
    set phone_number = p_phone_number, state = 'retrying', next_attempt_at = now(), updated_at = now()
    where id = p_order;
    return 'adopted';
exception when unique_violation then
    return 'busy'; -- another order has chosen it and will find out whose it is
end $$;

-- The carrier does not have it any more.
create function mark_ghost(p_number uuid) returns void
language sql as $$
    select act_for(number_workspace(p_number));
    update workspace_phone_numbers set status = 'released', released_at = now(), updated_at = now()
    where id = p_number and status <> 'released'
$$;

-- Numbers that the carrier refused for want of a campaign, where none is configured here that could be followed: after a day they may
-- try again, since somebody may have registered them by hand.
-- all workspaces: a sweep
create function lift_refusals() returns integer
language plpgsql as $$
declare
    lifted integer;
begin
    update phone_number_readiness set messaging_readiness = 'not_required', reason = null, updated_at = now()
    where messaging_readiness = 'failed' and reason like '%(21717)' and updated_at < now() - interval '1 day';
    get diagnostics lifted = row_count;
    return lifted;
end $$;

-- A spare for an order, put on record as the number that it chose: the one that an earlier try took, else one of the area.
-- all workspaces: a spare number belongs to none
create function take_spare(p_order uuid, p_lease uuid, p_prefix text)
returns table (phone_number text, phone_number_sid text)
language plpgsql as $$
declare
    ordered provisioning_orders;
    spare spare_numbers;
begin
    select * into ordered from provisioning_orders o where o.id = p_order and o.lease = p_lease for update;
    if not found then
        return; -- somebody else works on this order now
    end if;
    select * into spare from spare_numbers s
    where s.released_at is null and (s.leased_until is null or s.leased_until < now())
      and (s.phone_number = ordered.phone_number
           or (starts_with(s.phone_number, p_prefix)
               and not exists (select 1 from provisioning_orders o
                               where o.phone_number = s.phone_number and o.state not in ('active', 'canceled'))))
    order by s.phone_number is distinct from ordered.phone_number, s.found_at
    limit 1 for update skip locked;
    if not found then
        return;
    end if;
    update provisioning_orders o set state = 'purchasing', phone_number = spare.phone_number, reason = null, updated_at = now()
    where o.id = p_order;
    return query select spare.phone_number, spare.phone_number_sid;
exception when unique_violation then
    return; -- another order has chosen it meanwhile
end $$;
