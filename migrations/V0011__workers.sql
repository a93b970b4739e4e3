-- What the workers ask and write: each a function, since their roles reach no table.

-- What an outbound call says, or whom it joins. The call is ours only if its row says so.
create function find_call_script(p_message uuid)
returns table (body text, connect_phone text, sender_phone text, recipient_phone text)
language plpgsql as $$
begin
    perform act_for(message_workspace(p_message, null, null));
    return query
        select m.body, m.connect_phone, m.sender_phone, m.recipient_phone
        from conversation_messages m join conversations c on c.id = m.conversation_id
        where m.id = p_message and m.direction = 'outbound' and c.channel = 'call';
end $$;

-- Nobody else works on the order while the lease runs; no row when somebody does, or when nothing is left to do.
create function lease_order(p_order uuid, p_lease uuid, p_seconds double precision)
returns table (id uuid, workspace_id uuid, attempts integer, area_code text, number_type text, phone_number text,
               phone_number_id uuid, name text, preferred_area_code text, entitled boolean, wanted_number text)
language plpgsql as $$
#variable_conflict use_column
begin
    perform act_for(order_workspace(p_order));
    return query
        with leased as (
            update provisioning_orders
            set lease = p_lease, leased_until = now() + make_interval(secs => p_seconds), attempts = attempts + 1, updated_at = now()
            where id = p_order and state not in ('active', 'canceled', 'needs_attention')
              and (leased_until is null or leased_until < now())
            returning *)
        select l.id, l.workspace_id, l.attempts, l.area_code, l.number_type, l.phone_number, l.phone_number_id,
               w.name, w.preferred_area_code, w.is_active and w.subscription_tier <> 'starter', l.wanted_number
        from leased l join workspaces w on w.id = l.workspace_id;
end $$;

-- Where an order stands; no row when it is another worker's by now. With a state that ends the work the lease is given back.
create function save_order(
    p_order uuid, p_lease uuid, p_state text, p_reason text, p_next_seconds double precision, p_forget_number boolean)
returns setof uuid language plpgsql as $$
begin
    perform act_for(order_workspace(p_order));
    return query
        update provisioning_orders
        set state = p_state, reason = p_reason, next_attempt_at = now() + make_interval(secs => p_next_seconds),
            phone_number = case when p_forget_number then null else phone_number end,
            leased_until = case when p_state in ('searching', 'purchasing', 'configuring') then leased_until end,
            updated_at = now()
        where id = p_order and lease = p_lease
        returning id;
end $$;

-- The chosen number is on record before it is asked for; no row when the order is another worker's by now.
create function choose_number(p_order uuid, p_lease uuid, p_phone_number text) returns setof uuid
language plpgsql as $$
begin
    perform act_for(order_workspace(p_order));
    return query
        update provisioning_orders
        set state = 'purchasing', phone_number = p_phone_number, reason = null, updated_at = now()
        where id = p_order and lease = p_lease
        returning id;
end $$;

create function find_release(p_number uuid)
returns table (id uuid, phone_number_sid text, attempts integer)
language plpgsql as $$
begin
    perform act_for(number_workspace(p_number));
    return query
        select n.id, n.phone_number_sid, r.attempts
        from phone_number_releases r join workspace_phone_numbers n on n.id = r.phone_number_id
        where r.phone_number_id = p_number and r.released_at is null and r.next_attempt_at <= now();
end $$;

-- Released, when there is no error; else when it is tried again.
create function save_release(p_number uuid, p_error text, p_again_seconds double precision) returns void
language plpgsql as $$
begin
    perform act_for(number_workspace(p_number));
    update phone_number_releases
    set attempts = attempts + 1, last_error = p_error,
        released_at = case when p_error is null then now() end,
        next_attempt_at = now() + make_interval(secs => p_again_seconds)
    where phone_number_id = p_number;
    -- what the carrier has taken back is gone, though an upgrade may have called the release off meanwhile
    update workspace_phone_numbers n
    set status = 'released', released_at = now(), updated_at = now()
    where p_error is null and n.id = p_number and n.status <> 'released';
end $$;

create function record_campaign_order(p_number uuid, p_campaign_order text, p_readiness text, p_reason text) returns void
language plpgsql as $$
begin
    perform act_for(number_workspace(p_number));
    update phone_number_readiness
    set campaign_order_id = coalesce(p_campaign_order, campaign_order_id),
        messaging_readiness = p_readiness, reason = p_reason,
        updated_at = now()
    where phone_number_id = p_number and messaging_readiness <> 'ready';
end $$;

-- Whose live number.
-- all workspaces: a callback names the number alone
create function live_number_workspace(p_phone_number text) returns uuid
language sql stable as $$
    select workspace_id from workspace_phone_numbers where phone_number = p_phone_number and status <> 'released'
$$;

-- "pending" may come late and twice: it never takes back an outcome. A number of which nothing was known gets its row.
create function record_readiness(p_phone_number text, p_readiness text, p_reason text) returns void
language plpgsql as $$
begin
    perform act_for(live_number_workspace(p_phone_number));
    insert into phone_number_readiness as r (phone_number_id, workspace_id, messaging_readiness, reason)
    select n.id, n.workspace_id, p_readiness, p_reason
    from workspace_phone_numbers n
    where n.phone_number = p_phone_number and n.status <> 'released'
    on conflict (phone_number_id) do update
    set messaging_readiness = excluded.messaging_readiness, reason = excluded.reason, updated_at = now()
    where (excluded.messaging_readiness <> 'pending' or r.messaging_readiness = 'pending')
      and (r.messaging_readiness, r.reason) is distinct from (excluded.messaging_readiness, excluded.reason);
end $$;

-- all workspaces: a record that nobody can read names none
create function park_event(p_record text, p_reason text, p_body text) returns void
language sql as $$
    insert into parked_events (record_id, reason, body) values (p_record, p_reason, p_body) on conflict (record_id) do nothing
$$;

-- Orders whose time has come, and those whose worker is gone.
-- all workspaces: a sweep
create function due_orders(p_limit bigint) returns setof uuid
language sql stable as $$
    select id from provisioning_orders
    where (leased_until is null or leased_until < now())
      and ((state = 'retrying' and coalesce(next_attempt_at, now()) <= now())
           or state in ('requested', 'searching', 'purchasing', 'configuring'))
    order by next_attempt_at nulls first, created_at
    limit p_limit
$$;

-- all workspaces: a sweep
create function due_releases(p_limit bigint) returns setof uuid
language sql stable as $$
    select r.phone_number_id from phone_number_releases r
    where r.released_at is null and r.release_at <= now() and r.next_attempt_at <= now()
    order by r.next_attempt_at
    limit p_limit
$$;

-- Numbers that are not in the campaign, those bought before there was one among them, and whether it was asked: an assignment takes a day
-- at most (FACTS 10), and what nothing has changed for so long is asked for again. Those first that nobody asked for, then any, so that
-- some of which nothing is heard keep no others waiting.
-- all workspaces: a sweep
create function pending_readiness(p_limit bigint)
returns table (phone_number_id uuid, phone_number text, is_asked boolean)
language sql volatile as $$
    select r.phone_number_id, n.phone_number, a.is_asked
    from phone_number_readiness r
    join workspace_phone_numbers n on n.id = r.phone_number_id
    cross join lateral (
        select r.campaign_order_id is not null and r.updated_at > now() - interval '1 day' as is_asked) a
    where r.messaging_readiness <> 'ready' and n.status <> 'released'
    order by a.is_asked, random()
    limit p_limit
$$;

-- all workspaces: a run belongs to none
create function finish_run(p_id uuid, p_report jsonb) returns void
language sql as $$
    update reconciler_runs set finished_at = now(), report = p_report where id = p_id
$$;

-- The carrier keeps it for now, so the next order may have it.
-- all workspaces: a spare number belongs to none
create function keep_spare(p_phone_number text, p_reason text) returns void
language sql as $$
    update spare_numbers set reason = p_reason, leased_until = null where phone_number = p_phone_number
$$;

-- It could not be taken over: no order tries again today, and not at all when the carrier does not have it any more.
-- all workspaces: a spare number belongs to none
create function refuse_spare(p_phone_number text, p_reason text, p_is_gone boolean) returns void
language sql as $$
    update spare_numbers
    set reason = p_reason, leased_until = now() + interval '1 day', released_at = case when p_is_gone then now() end
    where phone_number = p_phone_number
$$;

-- It is somebody's again.
-- all workspaces: a spare number belongs to none
create function forget_spare(p_phone_number text) returns void
language sql as $$
    delete from spare_numbers where phone_number = p_phone_number
$$;

-- all workspaces: a spare number belongs to none
create function release_spare(p_phone_number text) returns void
language sql as $$
    update spare_numbers set released_at = now() where phone_number = p_phone_number and released_at is null
$$;
