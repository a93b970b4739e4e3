-- The workspace API: a workspace's numbers, and how they answer calls.

alter table provisioning_orders add column wanted_number text, add column request_hash text;
comment on column provisioning_orders.wanted_number is 'just this number is wanted, and no other';
comment on column provisioning_orders.request_hash is 'of the request that made it, so that a key is not used for two';

-- Numbers that somebody looks at. The carrier reserves nothing; among our workspaces a number that was shown to one is not sold to
-- another for ten minutes.
create table phone_number_holds (
    phone_number text primary key,
    workspace_id uuid not null references workspaces (id),
    held_until   timestamptz not null
);
create index phone_number_holds_workspace on phone_number_holds (workspace_id);
create index phone_number_holds_until on phone_number_holds (held_until);

-- all workspaces: whoever holds it, nobody else may buy it
create function is_held_elsewhere(p_phone_number text, p_workspace uuid) returns boolean
language sql stable as $$
    select exists (select from phone_number_holds h
                   where h.phone_number = p_phone_number and h.workspace_id <> p_workspace and h.held_until > now())
$$;

-- Holds a number for a workspace, unless another holds it.
-- all workspaces: the number may have been another's until now
create function hold_number(p_workspace uuid, p_phone_number text) returns void
language sql as $$
    insert into phone_number_holds as h (phone_number, workspace_id, held_until)
    values (p_phone_number, p_workspace, now() + interval '10 minutes')
    on conflict (phone_number) do update set workspace_id = excluded.workspace_id, held_until = excluded.held_until
    where h.workspace_id = p_workspace or h.held_until <= now()
$$;

-- Whether some order is buying it.
-- all workspaces: two orders never choose the same number
create function is_on_order(p_phone_number text) returns boolean
language sql stable as $$
    select exists (select from provisioning_orders o where o.phone_number = p_phone_number and o.state not in ('active', 'canceled'))
$$;

create function order_view(o provisioning_orders) returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'id', o.id, 'state', o.state, 'reason', o.reason, 'attempts', o.attempts,
        'nextAttemptAt', case when o.state = 'retrying' then api_time(o.next_attempt_at) end,
        'areaCode', o.area_code, 'numberType', o.number_type, 'friendlyName', o.friendly_name,
        'phoneNumber', coalesce(o.phone_number, o.wanted_number), 'phoneNumberId', o.phone_number_id,
        'isRetryable', o.state in ('needs_attention', 'retrying'),
        'isCancelable', o.state = 'needs_attention' and o.phone_number is null,
        'createdAt', api_time(o.created_at), 'updatedAt', api_time(o.updated_at))
$$;

-- Whether a number may text, and the one thing to do about it.
create function readiness_view(p_number uuid) returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'state', state, 'reason', reason,
        'nextAction', case state
            when 'pending' then 'wait: the carrier is registering the number, which takes from minutes to a few days; calls work'
            when 'failed' then 'ask support to repair the campaign assignment; calls work'
            else 'none' end)
    from (select coalesce(r.messaging_readiness, 'not_required') as state, r.reason
          from (select) as one left join phone_number_readiness r on r.phone_number_id = p_number) as found
$$;

create function phone_number_view(n workspace_phone_numbers, p_webhooks jsonb) returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'id', n.id, 'phoneNumber', n.phone_number, 'friendlyName', n.friendly_name, 'numberType', n.number_type,
        'isPrimary', n.number_type = 'primary' and n.status = 'active', 'status', n.status,
        'capabilities', (select coalesce(jsonb_object_agg(lower(key), value), '{}') from jsonb_each(n.capabilities)
                         where jsonb_typeof(value) = 'boolean'),
        'messagingReadiness', readiness_view(n.id),
        'webhooks', jsonb_build_object(
            'state', case
                when n.voice_url is null or n.sms_url is null then 'missing'
                when n.voice_url = p_webhooks ->> 'voice' and n.sms_url = p_webhooks ->> 'sms'
                     and n.status_callback_url = p_webhooks ->> 'status' then 'ok'
                else 'stale' end,
            'lastActivityAt', (select api_time(max(c.last_message_at)) from conversations c
                               where c.workspace_id = n.workspace_id and c.phone_number_id = n.id)),
        'monthlyCost', api_money(round(n.monthly_cost_cents / 100.0, 2), 'USD'),
        'order', (select order_view(o) from provisioning_orders o
                  where o.workspace_id = n.workspace_id and o.phone_number_id = n.id order by o.created_at desc limit 1),
        'release', (select jsonb_build_object(
                        'requestedAt', api_time(r.created_at), 'reason', r.reason,
                        'releaseAt', api_time(greatest(r.release_at, n.provisioned_at + interval '14 days')),
                        'lastError', r.last_error, 'releasedAt', api_time(r.released_at))
                    from phone_number_releases r where r.phone_number_id = n.id),
        'provisionedAt', api_time(n.provisioned_at), 'releasedAt', api_time(n.released_at))
$$;

-- Primary first, then those in use, by age.
create function api_list_phone_numbers(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    views jsonb[];
    keys jsonb[];
    after jsonb := p -> 'after';
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    select array_agg(phone_number_view(page.n, p -> 'webhooks') order by page.rank, (page.n).provisioned_at, (page.n).id),
           array_agg(jsonb_build_array(page.rank, api_time((page.n).provisioned_at), (page.n).id)
                     order by page.rank, (page.n).provisioned_at, (page.n).id)
    into views, keys
    from (
        select n, rank from (
            select n, case n.status when 'active' then case when n.number_type = 'primary' then 0 else 1 end
                                    when 'suspended' then 2 else 3 end as rank
            from workspace_phone_numbers n
            where n.workspace_id = p_workspace
              and case when p ? 'status' then n.status = p ->> 'status' else n.status <> 'released' end
              and (not p ? 'numberType' or n.number_type = p ->> 'numberType')) as ranked
        where jsonb_typeof(after) = 'null'
           or (rank, (n).provisioned_at, (n).id) > ((after ->> 0)::integer, (after ->> 1)::timestamptz, (after ->> 2)::uuid)
        order by rank, (n).provisioned_at, (n).id
        limit (p ->> 'limit')::integer + 1) as page;
    return api_page(views, keys, (p ->> 'limit')::integer);
end $$;

create function api_get_phone_number(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    own workspace_phone_numbers;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    select * into own from workspace_phone_numbers n where n.id = (p ->> 'phoneNumberId')::uuid and n.workspace_id = p_workspace;
    if not found then
        return api_refused('not_found');
    end if;
    -- `sid` is for us alone, who have to name the number to the carrier
    return api_done(phone_number_view(own, p -> 'webhooks')) || jsonb_build_object('private', jsonb_build_object('sid', own.phone_number_sid));
end $$;

create function api_update_phone_number(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    own workspace_phone_numbers;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    select * into own from workspace_phone_numbers n
    where n.id = (p ->> 'phoneNumberId')::uuid and n.workspace_id = p_workspace for update;
    if not found then
        return api_refused('not_found');
    elsif own.status = 'released' then
        return api_refused('no_number', 'the number has been released');
    elsif own.number_type = 'primary' and own.status = 'active' and p ->> 'numberType' <> 'primary' then
        return api_refused('no_number', 'this is the primary number: make another one primary first');
    end if;
    update workspace_phone_numbers n
    set friendly_name = case when p ? 'friendlyName' then p ->> 'friendlyName' else n.friendly_name end,
        number_type = coalesce(p ->> 'numberType', n.number_type),
        updated_at = now()
    where n.id = own.id returning * into own;
    return api_done(phone_number_view(own, p -> 'webhooks'));
end $$;

-- There is one primary: what was it before becomes `custom`.
create function api_make_primary(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    own workspace_phone_numbers;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    perform 1 from workspaces w where w.id = p_workspace for update; -- two at once follow each other
    select * into own from workspace_phone_numbers n
    where n.id = (p ->> 'phoneNumberId')::uuid and n.workspace_id = p_workspace for update;
    if not found then
        return api_refused('not_found');
    elsif own.status <> 'active' then
        return api_refused('no_number', 'the number is ' || own.status || ': only an active one can be primary');
    end if;
    update workspace_phone_numbers n set number_type = 'custom', updated_at = now()
    where n.workspace_id = p_workspace and n.number_type = 'primary' and n.status <> 'released' and n.id <> own.id;
    update workspace_phone_numbers n set number_type = 'primary', updated_at = now()
    where n.id = own.id returning * into own;
    return api_done(phone_number_view(own, p -> 'webhooks'));
end $$;

-- The carrier has taken the webhooks of `p -> 'webhooks'`.
create function api_webhooks_registered(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    own workspace_phone_numbers;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    update workspace_phone_numbers n
    set voice_url = p #>> '{webhooks,voice}', sms_url = p #>> '{webhooks,sms}', status_callback_url = p #>> '{webhooks,status}',
        updated_at = now()
    where n.id = (p ->> 'phoneNumberId')::uuid and n.workspace_id = p_workspace and n.status <> 'released'
    returning * into own;
    if not found then
        return api_refused('not_found');
    end if;
    return api_done(phone_number_view(own, p -> 'webhooks'));
end $$;

create function voice_settings_view(p_number uuid) returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'phoneNumberId', p_number, 'forwardTo', coalesce(to_jsonb(s.forward_to), '[]'), 'businessHours', s.business_hours,
        'timeZone', coalesce(s.time_zone, 'America/Chicago'), 'greeting', s.greeting, 'missedCallText', s.missed_call_text,
        'isOpenNow', voice_is_open(s.business_hours, coalesce(s.time_zone, 'America/Chicago'), now()),
        'updatedAt', api_time(s.updated_at))
    from (select) as one left join voice_settings s on s.phone_number_id = p_number
$$;

create function api_get_voice_settings(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    number_id uuid := (p ->> 'phoneNumberId')::uuid;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    if not exists (select from workspace_phone_numbers n where n.id = number_id and n.workspace_id = p_workspace) then
        return api_refused('not_found');
    end if;
    return api_done(voice_settings_view(number_id));
end $$;

create function api_put_voice_settings(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    own workspace_phone_numbers;
    targets text[] := array(select jsonb_array_elements_text(coalesce(p -> 'forwardTo', '[]')));
    zone text := coalesce(p ->> 'timeZone', 'America/Chicago');
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    select * into own from workspace_phone_numbers n
    where n.id = (p ->> 'phoneNumberId')::uuid and n.workspace_id = p_workspace;
    if not found then
        return api_refused('not_found');
    elsif own.status = 'released' then
        return api_refused('no_number', 'the number has been released');
    elsif not is_time_zone(zone) then
        return api_refused('bad_request', '`timeZone` is no name of a time zone, such as America/New_York', '{"field": "timeZone"}');
    elsif exists (select from workspace_phone_numbers n
                  where n.workspace_id = p_workspace and n.status <> 'released' and n.phone_number = any (targets)) then
        return api_refused('invalid_number', '`forwardTo` names a number of this workspace: the call would come back', '{"field": "forwardTo"}');
    end if;
    insert into voice_settings as s (phone_number_id, forward_to, business_hours, time_zone, greeting, missed_call_text, updated_at)
    values (own.id, targets, nullif(p -> 'businessHours', 'null'), zone, nullif(trim(p ->> 'greeting'), ''),
            nullif(trim(p ->> 'missedCallText'), ''), now())
    on conflict (phone_number_id) do update
    set forward_to = excluded.forward_to, business_hours = excluded.business_hours, time_zone = excluded.time_zone,
        greeting = excluded.greeting, missed_call_text = excluded.missed_call_text, updated_at = now();
    return api_done(voice_settings_view(own.id));
end $$;
