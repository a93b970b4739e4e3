-- What the reconciler would do, for an operator who asks before it does it. Where the answer lies in a function that changes rows,
-- that function runs and what it did is undone, so that what is shown and what is done cannot drift apart.

-- The messages and calls that `claim_open_messages` would take.
-- all workspaces: an operator asks about a sweep
create function preview_open_messages(p_limit integer)
returns table (channel text, direction text, status text, messages bigint, oldest timestamptz)
language plpgsql as $$
declare
    taken jsonb;
begin
    begin
        select jsonb_agg(to_jsonb(t)) into taken from claim_open_messages(p_limit) t;
        raise exception 'undone' using errcode = 'RS001';
    exception when sqlstate 'RS001' then
        null; -- variables keep their values
    end;
    return query
        select t.channel, t.direction, t.status, count(*), min(t.created_at)
        from jsonb_to_recordset(coalesce(taken, '[]')) as t (channel text, direction text, status text, created_at timestamptz)
        group by 1, 2, 3 order by 5;
end $$;

-- Of a page of the carrier's messages: the SIDs that `reconcile_messages` would have stored.
-- all workspaces: an operator asks about a sweep
create function preview_messages(p_rows jsonb) returns setof text
language plpgsql as $$
declare
    missing text[];
begin
    begin
        select array_agg(sid) into missing from reconcile_messages(p_rows) sid;
        raise exception 'undone' using errcode = 'RS001';
    exception when sqlstate 'RS001' then
        null;
    end;
    return query select unnest(missing);
end $$;

-- What `adopt_orphan` would make of a number.
-- all workspaces: an operator asks about numbers that are nobody's
create function preview_orphan(p_order uuid, p_phone_number text, p_sid text) returns text
language plpgsql as $$
declare
    verdict text;
begin
    begin
        verdict := adopt_orphan(p_order, p_phone_number, p_sid);
        raise exception 'undone' using errcode = 'RS001';
    exception when sqlstate 'RS001' then
        null;
    end;
    return verdict;
end $$;

-- all workspaces: an operator asks about a sweep
create function preview_orders(p_ids uuid[])
returns table (id uuid, workspace text, state text, reason text, attempts integer, phone_number text)
language plpgsql stable as $$
begin
    return query
        select o.id, w.name, o.state, o.reason, o.attempts, o.phone_number
        from unnest(p_ids) with ordinality as due (id, place)
        join provisioning_orders o on o.id = due.id join workspaces w on w.id = o.workspace_id
        order by due.place;
end $$;

-- all workspaces: an operator asks about a sweep
create function preview_releases(p_ids uuid[])
returns table (phone_number text, workspace text, due_since timestamptz, attempts integer, last_error text)
language plpgsql stable as $$
begin
    return query
        select n.phone_number, w.name, r.release_at, r.attempts, r.last_error
        from unnest(p_ids) with ordinality as due (id, place)
        join phone_number_releases r on r.phone_number_id = due.id
        join workspace_phone_numbers n on n.id = due.id join workspaces w on w.id = n.workspace_id
        order by due.place;
end $$;

-- How many held messages `release_held` would take.
-- all workspaces: an operator asks about a sweep
create function preview_held() returns bigint
language plpgsql stable as $$
begin
    return (select count(*) from conversation_messages m
            where m.status = 'queued' and m.send_after <= now() and m.created_at > now() - interval '5 days');
end $$;
