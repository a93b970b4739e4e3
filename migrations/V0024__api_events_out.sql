-- The workspace API: endpoints that are told of events, and what became of each.

create function endpoint_view(e webhook_endpoints) returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'id', e.id, 'url', e.url, 'description', e.description, 'eventTypes', to_jsonb(e.event_types), 'isActive', e.is_active,
        'disabledReason', e.disabled_reason, 'failures', e.failures, 'failingSince', api_time(e.failing_since),
        'createdAt', api_time(e.created_at), 'updatedAt', api_time(e.updated_at))
$$;

create function api_list_webhook_endpoints(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    return api_done(jsonb_build_object('items', (
        select coalesce(jsonb_agg(endpoint_view(e) order by e.created_at, e.id), '[]')
        from webhook_endpoints e where e.workspace_id = p_workspace)));
end $$;

create function api_get_webhook_endpoint(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    answer jsonb;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    select endpoint_view(e) into answer
    from webhook_endpoints e where e.workspace_id = p_workspace and e.id = (p ->> 'endpointId')::uuid;
    return case when answer is null then api_refused('not_found') else api_done(answer) end;
end $$;

-- `endpoint_limit`: ten, since each may keep a delivery waiting. The same call twice makes one.
create function api_create_webhook_endpoint(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    new_id uuid := (p ->> 'newId')::uuid;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    perform pg_advisory_xact_lock(hashtextextended(p_workspace::text, 5));
    if (select count(*) from webhook_endpoints e where e.workspace_id = p_workspace and e.id <> new_id) >= 10 then
        return api_refused('endpoint_limit');
    end if;
    insert into webhook_endpoints (id, workspace_id, url, description, event_types, secret)
    values (new_id, p_workspace, p ->> 'url', p ->> 'description',
            array(select distinct jsonb_array_elements_text(coalesce(p -> 'eventTypes', '[]')) order by 1), p ->> 'secret')
    on conflict (id) do nothing;
    return api_done((select endpoint_view(e) || jsonb_build_object('secret', e.secret)
                     from webhook_endpoints e where e.workspace_id = p_workspace and e.id = new_id));
end $$;

-- Changes what is named. An endpoint that is switched on again, or goes elsewhere, begins anew.
create function api_update_webhook_endpoint(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    answer jsonb;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    update webhook_endpoints e
    set url = coalesce(p ->> 'url', e.url),
        description = case when p ? 'description' then p ->> 'description' else e.description end,
        event_types = case when p ? 'eventTypes'
                           then array(select distinct jsonb_array_elements_text(p -> 'eventTypes') order by 1) else e.event_types end,
        is_active = coalesce((p ->> 'isActive')::boolean, e.is_active),
        disabled_reason = case when (p ->> 'isActive')::boolean then null else e.disabled_reason end,
        failures = case when p ?| array['url', 'isActive'] then 0 else e.failures end,
        failing_since = case when p ?| array['url', 'isActive'] then null else e.failing_since end,
        next_attempt_at = case when p ?| array['url', 'isActive'] then now() else e.next_attempt_at end,
        updated_at = now()
    where e.workspace_id = p_workspace and e.id = (p ->> 'endpointId')::uuid
    returning endpoint_view(e) into answer;
    return case when answer is null then api_refused('not_found') else api_done(answer) end;
end $$;

-- What was still to be delivered there is forgotten with it.
create function api_delete_webhook_endpoint(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    answer jsonb;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    delete from webhook_endpoints e where e.workspace_id = p_workspace and e.id = (p ->> 'endpointId')::uuid
    returning endpoint_view(e) into answer;
    return case when answer is null then api_refused('not_found') else api_done(answer) end;
end $$;

-- For a day both secrets sign, so that the receiver can change over; the same call twice changes once.
create function api_rotate_webhook_secret(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    answer jsonb;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    update webhook_endpoints e
    set previous_secret = case when e.secret = p ->> 'secret' then e.previous_secret else e.secret end,
        previous_secret_until = now() + interval '1 day', secret = p ->> 'secret', updated_at = now()
    where e.workspace_id = p_workspace and e.id = (p ->> 'endpointId')::uuid
    returning endpoint_view(e) || jsonb_build_object('secret', e.secret) into answer;
    return case when answer is null then api_refused('not_found') else api_done(answer) end;
end $$;

create function deliveries_view(p_workspace uuid, p_event uuid) returns jsonb
language sql stable as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'endpointId', d.endpoint_id, 'state', d.state, 'attempts', d.attempts,
        'nextAttemptAt', case when d.state = 'pending' then api_time(greatest(d.next_attempt_at, w.next_attempt_at)) end,
        'lastStatus', d.last_status, 'lastError', d.last_error, 'deliveredAt', api_time(d.delivered_at)) order by d.endpoint_id), '[]')
    from event_deliveries d join webhook_endpoints w on w.id = d.endpoint_id
    where d.workspace_id = p_workspace and d.event_id = p_event
$$;

-- Newest first.
create function api_list_events(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    views jsonb[];
    keys jsonb[];
    most integer := (p ->> 'limit')::integer;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    select array_agg(event_document(row(e.*)::events) || jsonb_build_object('deliveries', deliveries_view(e.workspace_id, e.id))
                     order by e.id desc),
           array_agg(to_jsonb(e.id) order by e.id desc)
    into views, keys
    from (select * from events v
          where v.workspace_id = p_workspace and (p ->> 'after' is null or v.id < (p ->> 'after')::uuid)
            and (p ->> 'type' is null or v.type = p ->> 'type')
          order by v.id desc limit most + 1) e;
    return api_page(views, keys, most);
end $$;

-- One event with every attempt.
create function api_get_event(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    answer jsonb;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    select event_document(row(e.*)::events) || jsonb_build_object(
        'deliveries', deliveries_view(e.workspace_id, e.id),
        'attempts', (select coalesce(jsonb_agg(jsonb_build_object(
                         'endpointId', a.endpoint_id, 'at', api_time(a.attempted_at), 'status', a.status, 'error', a.error,
                         'durationMs', a.duration_ms) order by a.attempted_at, a.id), '[]')
                     from event_deliveries d
                     join event_attempts a on a.endpoint_id = d.endpoint_id and a.event_id = d.event_id
                     where d.workspace_id = e.workspace_id and d.event_id = e.id))
    into answer
    from events e where e.workspace_id = p_workspace and e.id = (p ->> 'eventId')::uuid;
    return case when answer is null then api_refused('not_found') else api_done(answer) end;
end $$;

-- Delivers again, at once. One event (`eventId`): to `endpointId`, or to all endpoints that want it. Or, of one endpoint, all
-- events `since` a moment that it wants and did not get.
create function api_replay_events(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    one uuid := (p ->> 'eventId')::uuid;
    target uuid := (p ->> 'endpointId')::uuid;
    since timestamptz := (p ->> 'since')::timestamptz;
    scheduled bigint;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    elsif (one is not null and not exists (select 1 from events e where e.workspace_id = p_workspace and e.id = one))
          or (target is not null and not exists (
                  select 1 from webhook_endpoints w where w.workspace_id = p_workspace and w.id = target)) then
        return api_refused('not_found');
    elsif target is not null and not exists (
        select 1 from webhook_endpoints w where w.workspace_id = p_workspace and w.id = target and w.is_active) then
        return api_refused('endpoint_disabled');
    end if;
    with again as (
        insert into event_deliveries as d (workspace_id, event_id, endpoint_id, replayed_at)
        select e.workspace_id, e.id, w.id, now()
        from events e
        join webhook_endpoints w on w.workspace_id = e.workspace_id and w.is_active
        where e.workspace_id = p_workspace
          and (e.id = one or (one is null and e.occurred_at >= since))
          and (w.id = target or target is null)
          and ((one is not null and target is not null) or w.event_types = '{}' or e.type = any (w.event_types))
        on conflict (endpoint_id, event_id) do update
        set state = 'pending', attempts = 0, next_attempt_at = now(), delivered_at = null, replayed_at = now()
        where one is not null or d.state <> 'delivered'
        returning d.endpoint_id),
    woken as (
        update webhook_endpoints w set next_attempt_at = now()
        where w.workspace_id = p_workspace and w.id in (select endpoint_id from again))
    select count(*) into scheduled from again;
    return api_done(jsonb_build_object('deliveries', scheduled));
end $$;
