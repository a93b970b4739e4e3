-- The workspace API: each route is one function here, which asks `authorise` first. Its arguments come as one object: what the
-- path, the query and the body said, read and checked already. It answers `{"body": …, "next": …}`, where `next` is the position
-- of a listing's next page, or `{"refused": "code", "detail": …, "members": {…}}`.

-- How the API writes a moment.
create function api_time(p_at timestamptz) returns text
language sql stable parallel safe as $$
    select to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

-- How the API writes money: what it costs, whatever sign the carrier puts before it.
create function api_money(p_amount numeric, p_currency text) returns jsonb
language sql immutable parallel safe as $$
    select case when p_amount is not null then jsonb_build_object(
        'amount', abs(p_amount)::text, 'currency', coalesce(upper(p_currency), 'USD')) end
$$;

create function api_refused(p_code text, p_detail text default null, p_members jsonb default '{}') returns jsonb
language sql immutable parallel safe as $$
    select jsonb_build_object('refused', p_code, 'detail', p_detail, 'members', p_members)
$$;

create function api_done(p_body jsonb) returns jsonb
language sql immutable parallel safe as $$
    select jsonb_build_object('body', p_body)
$$;

-- A page of rows that were read with one more than fits: that one only says that there is a next page.
create function api_page(p_rows jsonb[], p_keys jsonb[], p_limit integer) returns jsonb
language sql immutable parallel safe as $$
    select case when cardinality(p_rows) > p_limit
        then jsonb_build_object('body', to_jsonb(p_rows[1:p_limit]), 'next', p_keys[p_limit])
        else jsonb_build_object('body', to_jsonb(coalesce(p_rows, '{}'))) end
$$;

-- A text as part of a pattern of `like`.
create function api_pattern(p_text text) returns text
language sql immutable parallel safe as $$
    select '%' || replace(replace(replace(p_text, '\', '\\'), '%', '\%'), '_', '\_') || '%'
$$;

-- Phone numbers

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

create function is_time_zone(p_name text) returns boolean
language plpgsql stable as $$
begin
    perform now() at time zone p_name;
    return p_name ~ '^[A-Za-z]+(/[A-Za-z0-9_+-]+)*$'; -- no offsets, which know nothing of summer
exception when others then
    return false;
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

-- How many numbers the plan allows, and what would allow one more: null if this one does.
create function number_limit_view(tenant workspaces, p_held integer) returns jsonb
language sql stable as $$
    select case when p_held >= allowed then jsonb_build_object(
        'limit', allowed, 'held', p_held,
        'allowedBy', case
            when p_held < tier_number_limit(tenant.subscription_tier) then
                jsonb_build_object('tier', tenant.subscription_tier, 'numberLimit', p_held + 1)
            when p_held < tier_number_limit('professional') then
                jsonb_build_object('tier', 'professional', 'numberLimit', tier_number_limit('professional'))
            when p_held < tier_number_limit('enterprise') then
                jsonb_build_object('tier', 'enterprise', 'numberLimit', tier_number_limit('enterprise'))
            else jsonb_build_object('tier', 'enterprise', 'numberLimit', p_held + 1) end) end
    from (select coalesce(tenant.number_limit, tier_number_limit(tenant.subscription_tier)) as allowed) as plan
$$;

create function number_limit_refusal(tenant workspaces, p_view jsonb) returns jsonb
language sql stable as $$
    select api_refused('number_limit', format(
        'the plan %s allows %s number(s), and %s are there or on order; %s', tenant.subscription_tier, p_view ->> 'limit',
        p_view ->> 'held', case
            when p_view #>> '{allowedBy,tier}' = tenant.subscription_tier
                then 'ask for a number limit of ' || (p_view #>> '{allowedBy,numberLimit}')
            else format('the plan %s allows %s', p_view #>> '{allowedBy,tier}', p_view #>> '{allowedBy,numberLimit}') end), p_view)
$$;

-- A search begins: what the workspace held for its last one is free again.
create function api_begin_number_search(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    delete from phone_number_holds h where h.workspace_id = p_workspace;
    return api_done(jsonb_build_object('areaCode', (permit.tenant).preferred_area_code));
end $$;

-- Holds up to `limit` of the numbers that were found, in that order, and shows those alone. Numbers are locked in one order, so
-- that two searches at once do not wait for each other in a circle.
create function api_hold_numbers(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    delete from phone_number_holds h where h.held_until < now() - interval '1 day';
    with found as (
        select item ->> 'phoneNumber' as phone_number, place
        from jsonb_array_elements(p -> 'found') with ordinality as f (item, place)
        where not is_held_elsewhere(item ->> 'phoneNumber', p_workspace)
          and not exists (select from provisioning_orders o
                          where o.phone_number = item ->> 'phoneNumber' and o.state not in ('active', 'canceled'))
        order by place limit (p ->> 'limit')::integer)
    insert into phone_number_holds as h (phone_number, workspace_id, held_until)
    select phone_number, p_workspace, now() + interval '10 minutes' from found order by phone_number
    on conflict (phone_number) do update
    set workspace_id = excluded.workspace_id, held_until = excluded.held_until
    where h.workspace_id = p_workspace or h.held_until <= now();
    return api_done(jsonb_build_object('items', coalesce((
        select jsonb_agg(item || jsonb_build_object(
                   'heldUntil', api_time(h.held_until), 'monthlyCost', api_money(1.00, 'USD')) order by place)
        from jsonb_array_elements(p -> 'found') with ordinality as f (item, place)
        join phone_number_holds h on h.phone_number = item ->> 'phoneNumber'
        where h.workspace_id = p_workspace and h.held_until > now()), '[]')));
end $$;

-- An order, once per key. It is stored before the queue hears of it, so it is worked on even if the queue never does.
create function api_request_number(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    tenant workspaces;
    ordered provisioning_orders;
    limits jsonb;
    event text := 'api-' || encode(sha256(convert_to(p_workspace::text || ' ' || (p ->> 'key'), 'UTF8')), 'hex');
    wanted text := p ->> 'phoneNumber';
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    select * into tenant from workspaces w where w.id = p_workspace for update;
    select * into ordered from provisioning_orders o where o.event_id = event and o.workspace_id = p_workspace;
    if found then
        if ordered.request_hash is distinct from p ->> 'requestHash' then
            return api_refused('idempotency_mismatch');
        end if;
        return api_done(order_view(ordered)) || jsonb_build_object('private', jsonb_build_object('event', event, 'replayed', true));
    end if;
    limits := number_limit_view(tenant, numbers_held(p_workspace));
    if limits is not null then
        return number_limit_refusal(tenant, limits);
    end if;
    if wanted is not null then
        insert into phone_number_holds as h (phone_number, workspace_id, held_until)
        values (wanted, p_workspace, now() + interval '10 minutes')
        on conflict (phone_number) do update set workspace_id = excluded.workspace_id, held_until = excluded.held_until
        where h.workspace_id = p_workspace or h.held_until <= now();
        if is_held_elsewhere(wanted, p_workspace) or exists (
            select from provisioning_orders o where o.phone_number = wanted and o.state not in ('active', 'canceled')) then
            return api_refused('number_taken');
        end if;
    end if;
    perform request_number(event, p_workspace, p ->> 'areaCode', p ->> 'numberType', p ->> 'friendlyName', (p ->> 'newId')::uuid);
    update provisioning_orders o set wanted_number = wanted, request_hash = p ->> 'requestHash'
    where o.event_id = event returning * into ordered;
    return api_done(order_view(ordered)) || jsonb_build_object('private', jsonb_build_object('event', event, 'replayed', false));
end $$;

create function api_list_orders(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
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
    select array_agg(order_view(page.o) order by (page.o).created_at desc, (page.o).id desc),
           array_agg(jsonb_build_array(api_time((page.o).created_at), (page.o).id) order by (page.o).created_at desc, (page.o).id desc)
    into views, keys
    from (
        select o from provisioning_orders o
        where o.workspace_id = p_workspace
          and (not p ? 'state' or o.state = p ->> 'state')
          and (jsonb_typeof(after) = 'null' or (o.created_at, o.id) < ((after ->> 0)::timestamptz, (after ->> 1)::uuid))
        order by o.created_at desc, o.id desc
        limit (p ->> 'limit')::integer + 1) as page;
    return api_page(views, keys, (p ->> 'limit')::integer);
end $$;

create function api_get_order(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    ordered provisioning_orders;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    select * into ordered from provisioning_orders o where o.id = (p ->> 'orderId')::uuid and o.workspace_id = p_workspace;
    if not found then
        return api_refused('not_found');
    end if;
    return api_done(order_view(ordered));
end $$;

-- Another try now: of an order that gave up, or that waits.
create function api_retry_order(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    ordered provisioning_orders;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    perform 1 from workspaces w where w.id = p_workspace for update;
    select * into ordered from provisioning_orders o where o.id = (p ->> 'orderId')::uuid and o.workspace_id = p_workspace;
    if not found then
        return api_refused('not_found');
    elsif ordered.state in ('active', 'canceled') then
        return api_refused('order_not_retryable', 'the order is ' || ordered.state);
    end if;
    perform retry_order(ordered.id, p_workspace);
    update provisioning_orders o set next_attempt_at = now(), updated_at = now()
    where o.id = ordered.id and o.state = 'retrying' and o.next_attempt_at > now();
    select * into ordered from provisioning_orders o where o.id = ordered.id;
    if ordered.state = 'needs_attention' then
        return number_limit_refusal(permit.tenant, coalesce(
            number_limit_view(permit.tenant, numbers_held(p_workspace)), '{"limit": 0, "held": 0, "allowedBy": null}'));
    end if;
    return api_done(order_view(ordered));
end $$;

-- An order that gave up and has bought nothing makes room for another.
create function api_cancel_order(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    ordered provisioning_orders;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    select * into ordered from provisioning_orders o
    where o.id = (p ->> 'orderId')::uuid and o.workspace_id = p_workspace for update;
    if not found then
        return api_refused('not_found');
    elsif ordered.state = 'canceled' then
        return api_done(order_view(ordered));
    elsif ordered.state <> 'needs_attention' or ordered.phone_number is not null or ordered.leased_until > now() then
        return api_refused('order_not_retryable', 'only an order that needs attention and has chosen no number can be canceled; it is '
                           || ordered.state);
    end if;
    update provisioning_orders o set state = 'canceled', updated_at = now() where o.id = ordered.id returning * into ordered;
    return api_done(order_view(ordered));
end $$;

-- Gives a number back: suspended now, released at once or as soon as the carrier allows.
create function api_release_number(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    own workspace_phone_numbers;
    active integer;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    perform 1 from workspaces w where w.id = p_workspace for update; -- of two last numbers, one is the last
    select * into own from workspace_phone_numbers n
    where n.id = (p ->> 'phoneNumberId')::uuid and n.workspace_id = p_workspace for update;
    if not found then
        return api_refused('not_found');
    elsif own.phone_number <> p ->> 'phoneNumber' then
        return api_refused('confirmation_mismatch', null, '{"field": "phoneNumber"}');
    end if;
    if own.status = 'active' and not coalesce((p ->> 'force')::boolean, false)
       and not exists (select from workspace_phone_numbers n
                       where n.workspace_id = p_workspace and n.status = 'active' and n.id <> own.id) then
        select count(*) into active from conversations c
        where c.workspace_id = p_workspace and c.phone_number_id = own.id and c.status = 'active';
        if active > 0 then
            return api_refused('number_in_use', format(
                'this is the last number, and %s conversation(s) on it are active; close them, or ask again with `force`', active),
                jsonb_build_object('activeConversations', active));
        end if;
    end if;
    if own.status <> 'released' then
        perform request_release(p_workspace, own.id);
        select * into own from workspace_phone_numbers n where n.id = own.id;
    end if;
    return api_done(phone_number_view(own, p -> 'webhooks'));
end $$;

-- What is held for one workspace is not bought for another, whatever the search that found it.
create function refuse_held_number() returns trigger
language plpgsql as $$
begin
    if is_held_elsewhere(new.phone_number, new.workspace_id) then
        raise exception 'held for another workspace' using errcode = 'unique_violation', constraint = 'phone_number_holds';
    end if;
    return new;
end $$;
create trigger provisioning_orders_held before update of phone_number on provisioning_orders
    for each row when (new.phone_number is distinct from old.phone_number and new.phone_number is not null)
    execute function refuse_held_number();
