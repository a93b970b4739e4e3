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
    perform hold_number(p_workspace, found.phone_number)
    from (select chosen.phone_number
          from (select item ->> 'phoneNumber' as phone_number
                from jsonb_array_elements(p -> 'found') with ordinality as f (item, place)
                where not is_held_elsewhere(item ->> 'phoneNumber', p_workspace) and not is_on_order(item ->> 'phoneNumber')
                order by place limit (p ->> 'limit')::integer) chosen
          order by chosen.phone_number) found;
    return api_done(jsonb_build_object('items', coalesce((
        select jsonb_agg(item || jsonb_build_object(
                   'heldUntil', api_time(h.held_until), 'monthlyCost', api_money(
                       round(rate_on('number_month', (now() at time zone 'UTC')::date), 2), 'USD')) order by place)
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
        perform hold_number(p_workspace, wanted);
        if is_held_elsewhere(wanted, p_workspace) or is_on_order(wanted) then
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

-- Conversations and messages

create index conversations_recent on conversations (workspace_id, last_message_at desc, id desc);
create index conversations_number on conversations (workspace_id, phone_number_id, last_message_at desc);
create index conversations_contact on conversations (contact_id) where contact_id is not null;
create index contacts_recent on contacts (workspace_id, created_at desc, id desc);
alter table conversation_messages add column resend_of uuid references conversation_messages (id);
comment on column conversation_messages.resend_of is 'the failed message that this one repeats';
create index conversation_messages_resend on conversation_messages (resend_of) where resend_of is not null;

-- The carrier's error codes in words: what happened, and what to do.
create table delivery_errors (
    code         text primary key,
    words        text not null,
    advice       text not null,
    is_permanent boolean not null
);
comment on column delivery_errors.is_permanent is 'whether sending the same again would fail the same way';
insert into delivery_errors (code, words, advice, is_permanent) values
    ('4001', 'The carrier account has no balance.', 'Tell support; send again once it is topped up.', false),
    ('20003', 'The carrier refused our credentials.', 'Tell support; send again later.', false),
    ('20429', 'Too many messages at once.', 'Send again in a minute.', false),
    ('21205', 'The call had no script.', 'Tell support.', true),
    ('21210', 'The sending number is not ours at the carrier.', 'Choose another number, and tell support.', true),
    ('21211', 'The number is not a valid phone number.', 'Correct the number.', true),
    ('21219', 'The carrier account is a trial and may not reach this number.', 'Tell support.', true),
    ('21401', 'The number is not a valid phone number.', 'Correct the number.', true),
    ('21601', 'The sending number cannot send this kind of message.', 'Choose another number.', true),
    ('21602', 'The message was empty.', 'Write something.', true),
    ('21603', 'The number is not a valid phone number.', 'Correct the number.', true),
    ('21606', 'The sending number cannot text.', 'Choose another number.', true),
    ('21610', 'The customer has asked for no more messages.', 'Do not send again; they may reply START.', true),
    ('21611', 'Too many messages wait to be sent from this number.', 'Send again in some minutes.', false),
    ('21612', 'The media could not be sent to this number.', 'Send a link instead.', true),
    ('21614', 'The number is no mobile number.', 'Call instead, or use a mobile number.', true),
    ('21617', 'The message is too long.', 'Shorten it.', true),
    ('21620', 'The media could not be read.', 'Check its address, then send again.', true),
    ('21623', 'The media is of a kind that cannot be sent.', 'Send another kind of file.', true),
    ('21624', 'The message waited for too long.', 'Send again.', false),
    ('21717', 'The sending number is not in an approved campaign.', 'Wait until the number is ready, or ask support.', false),
    ('30001', 'The message waited for too long and was dropped.', 'Send again.', false),
    ('30002', 'The carrier account has no balance.', 'Tell support; send again once it is topped up.', false),
    ('30003', 'The phone could not be reached: switched off, or without a network.', 'Send again later.', false),
    ('30004', 'The customer''s carrier blocks the message, or the customer blocked it.', 'Do not send again; call instead.', true),
    ('30005', 'The number is unknown or not in use any more.', 'Check the number with the customer.', true),
    ('30006', 'The number is a landline, or its carrier takes no texts.', 'Call instead.', true),
    ('30007', 'The customer''s carrier took the message for spam.', 'Write it differently, without link shorteners, then send again.', false),
    ('30008', 'The customer''s carrier gave no reason.', 'Send again; if it fails again, call.', false),
    ('30010', 'The message would cost more than is allowed.', 'Ask for a higher price limit.', true),
    ('30011', 'The customer''s carrier takes no picture messages.', 'Send a link instead.', true),
    ('30012', 'The picture message could not be delivered.', 'Send a link instead.', true),
    ('30022', 'The campaign sends more than its carrier allows.', 'Send again later.', false),
    ('30027', 'The day''s allowance at T-Mobile is used up.', 'Send again tomorrow.', false),
    ('35125', 'The campaign''s allowance is used up.', 'Send again tomorrow.', false),
    ('53603', 'The media could not be fetched.', 'Check its address, then send again.', false),
    ('63011', 'The customer''s carrier refused the message.', 'Send again later, or call.', false),
    ('63019', 'The media could not be fetched.', 'Check its address, then send again.', false),
    ('insufficient_balance', 'The carrier account has no balance.', 'Tell support; send again once it is topped up.', false),
    ('message_blocked_by_carrier', 'The customer''s carrier blocks the message.', 'Do not send again; call instead.', true),
    ('message_blocked_by_number', 'The customer has blocked the number.', 'Do not send again.', true),
    ('inactive_campaign', 'The messaging campaign is not active.', 'Tell support.', false),
    ('associated_campaign_inactive', 'The messaging campaign is not active.', 'Tell support.', false),
    ('tmobile_daily_limit_reached', 'The day''s allowance at T-Mobile is used up.', 'Send again tomorrow.', false),
    ('missing_messaging_capability', 'The sending number cannot text.', 'Choose another number.', true),
    ('not_routable', 'The number cannot be reached.', 'Check the number with the customer.', true),
    ('rate_limit_exceeded', 'Too many messages at once.', 'Send again in a minute.', false);

-- Why a message or call failed, for a person; null while it has not.
create function failure_view(m conversation_messages) returns jsonb
language sql stable as $$
    select case
        when m.status in ('failed', 'undelivered', 'canceled') then (
            select jsonb_build_object(
                'code', m.error_code,
                'words', coalesce(e.words, case
                    when m.error_message is not null then upper(left(m.error_message, 1)) || substr(m.error_message, 2) || '.'
                    when m.status = 'canceled' then 'The call was canceled before anybody answered.'
                    when m.status = 'undelivered' then 'The customer''s carrier did not deliver it and gave no reason that is known.'
                    else 'It was not sent, and the carrier gave no reason that is known.' end),
                'advice', coalesce(e.advice, 'Send again; if it fails again, ask support and name the code.'),
                'isPermanent', coalesce(e.is_permanent, false))
            from (select) as one left join delivery_errors e on e.code = m.error_code)
        when m.status = 'busy' then jsonb_build_object(
            'code', m.error_code, 'words', 'The line was busy.', 'advice', 'Call again later.', 'isPermanent', false)
        when m.status = 'no-answer' then jsonb_build_object(
            'code', m.error_code, 'words', 'Nobody answered.', 'advice', 'Call again later, or text.', 'isPermanent', false)
    end
$$;

create function number_ref(p_workspace uuid, p_number uuid) returns jsonb
language sql stable as $$
    select jsonb_build_object('id', n.id, 'phoneNumber', n.phone_number, 'friendlyName', n.friendly_name,
                              'numberType', n.number_type, 'status', n.status)
    from workspace_phone_numbers n where n.id = p_number and n.workspace_id = p_workspace
$$;

create function contact_name(k contacts) returns text
language sql immutable as $$
    select nullif(trim(concat_ws(' ', k.first_name, k.last_name)), '')
$$;

create function conversation_view(c conversations) returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'id', c.id, 'channel', c.channel, 'status', c.status, 'subject', c.subject, 'snippet', c.snippet,
        'isUnread', c.is_unread, 'unreadCount', c.unread_count, 'messageCount', c.message_count,
        'customerPhone', c.customer_phone, 'businessPhone', c.business_phone,
        'phoneNumber', number_ref(c.workspace_id, c.phone_number_id),
        'contact', (select jsonb_build_object('id', k.id, 'name', contact_name(k)) from contacts k
                    where k.id = c.contact_id and k.workspace_id = c.workspace_id),
        'lastMessageAt', api_time(c.last_message_at), 'createdAt', api_time(c.created_at))
$$;

create function message_view(m conversation_messages, p_channel text) returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'id', m.id, 'conversationId', m.conversation_id, 'channel', p_channel, 'direction', m.direction,
        'from', m.sender_phone, 'to', m.recipient_phone, 'body', m.body, 'status', m.status, 'sid', m.external_id,
        'segments', m.segments, 'price', api_money(m.price, m.price_unit),
        'attachments', coalesce((
            select jsonb_agg(jsonb_build_object('url', a ->> 'url', 'contentType', a ->> 'contentType'))
            from jsonb_array_elements(m.attachments) a), '[]'),
        'failure', failure_view(m),
        'call', case when p_channel = 'call' then jsonb_build_object(
            'durationSeconds', m.call_duration, 'forwardedLeg', m.dial_status, 'transcript', m.call_transcription,
            'recordingUrl', case when m.call_recording_url is not null then
                format('/api/workspaces/%s/messages/%s/recording', m.workspace_id, m.id) end) end,
        'resendOf', m.resend_of,
        'createdAt', api_time(m.created_at), 'deliveredAt', api_time(m.delivered_at))
$$;

-- The newest first; `q` is looked for in names, numbers, subjects, and what was said.
create function api_list_conversations(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    views jsonb[];
    keys jsonb[];
    after_at timestamptz := (p #>> '{after,0}')::timestamptz;
    after_id uuid := (p #>> '{after,1}')::uuid;
    most integer := (p ->> 'limit')::integer;
    wanted_channel text := p ->> 'channel';
    wanted_status text := p ->> 'status';
    wanted_unread boolean := (p ->> 'unread')::boolean;
    wanted_number uuid := (p ->> 'phoneNumberId')::uuid;
    wanted_type text := p ->> 'numberType';
    wanted_contact uuid := (p ->> 'contactId')::uuid;
    pattern text := api_pattern(nullif(trim(p ->> 'q'), ''));
    digits text := api_pattern(nullif(regexp_replace(p ->> 'q', '[^0-9]', '', 'g'), ''));
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    if length(digits) < 5 then
        digits := null; -- two digits are in every number
    end if;
    select array_agg(conversation_view(page.c) order by (page.c).last_message_at desc, (page.c).id desc),
           array_agg(jsonb_build_array(api_time((page.c).last_message_at), (page.c).id)
                     order by (page.c).last_message_at desc, (page.c).id desc)
    into views, keys
    from (
        select c from conversations c
        where c.workspace_id = p_workspace and c.last_message_at is not null
          and (after_at is null or (c.last_message_at, c.id) < (after_at, after_id))
          and (wanted_channel is null or c.channel = wanted_channel)
          and (wanted_status is null or c.status = wanted_status)
          and (wanted_unread is null or c.is_unread = wanted_unread)
          and (wanted_number is null or c.phone_number_id = wanted_number)
          and (wanted_contact is null or c.contact_id = wanted_contact)
          and (wanted_type is null or c.phone_number_id in (
                  select n.id from workspace_phone_numbers n where n.workspace_id = p_workspace and n.number_type = wanted_type))
          and (pattern is null
               or c.customer_phone like digits
               or c.subject ilike pattern
               or exists (select from contacts k where k.id = c.contact_id
                            and (contact_name(k) ilike pattern or k.email ilike pattern))
               or exists (select from conversation_messages m where m.conversation_id = c.id and m.body ilike pattern))
        order by c.last_message_at desc, c.id desc
        limit most + 1) as page;
    return api_page(views, keys, most);
end $$;

-- From which of its numbers a workspace may answer a customer: the one that they last talked with is the default.
create function reply_from_view(c conversations) returns jsonb
language sql stable as $$
    with choices as (
        select n.id, n.phone_number, n.friendly_name, n.number_type, n.provisioned_at,
               case when c.channel = 'whatsapp' then n.id = c.phone_number_id
                    when c.channel = 'sms' then coalesce(r.messaging_readiness in ('ready', 'not_required'), true)
                    else true end as is_usable,
               (select max(o.last_message_at) from conversations o
                where o.workspace_id = c.workspace_id and o.customer_phone = c.customer_phone and o.phone_number_id = n.id) as last_talked_at
        from workspace_phone_numbers n left join phone_number_readiness r on r.phone_number_id = n.id
        where n.workspace_id = c.workspace_id and n.status = 'active')
    select jsonb_build_object(
        'default', coalesce(
            (select phone_number from choices where last_talked_at is not null order by last_talked_at desc limit 1),
            (select phone_number from choices where number_type = 'primary' order by provisioned_at limit 1),
            case when c.phone_number_id is null then c.business_phone end),
        'choices', coalesce((
            select jsonb_agg(jsonb_build_object(
                       'id', id, 'phoneNumber', phone_number, 'friendlyName', friendly_name, 'numberType', number_type,
                       'isUsable', is_usable, 'lastTalkedAt', api_time(last_talked_at))
                   order by last_talked_at desc nulls last, number_type <> 'primary', provisioned_at)
            from choices), '[]'))
$$;

create function api_get_conversation(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    thread conversations;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    select * into thread from conversations c where c.id = (p ->> 'conversationId')::uuid and c.workspace_id = p_workspace;
    if not found then
        return api_refused('not_found');
    end if;
    return api_done(conversation_view(thread) || jsonb_build_object(
        'replyFrom', reply_from_view(thread),
        'isOptedOut', is_opted_out(p_workspace, thread.business_phone, thread.customer_phone)));
end $$;

-- Marks, closes, reopens, names, links: whatever of `status`, `isUnread`, `subject`, `contactId` is there.
create function api_update_conversation(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    thread conversations;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    if p ->> 'contactId' is not null and not exists (
        select from contacts k where k.id = (p ->> 'contactId')::uuid and k.workspace_id = p_workspace) then
        return api_refused('not_found', 'there is no such contact in this workspace');
    end if;
    update conversations c
    set status = coalesce(p ->> 'status', c.status),
        is_unread = coalesce((p ->> 'isUnread')::boolean, c.is_unread),
        unread_count = case (p ->> 'isUnread')::boolean when false then 0 when true then greatest(c.unread_count, 1) else c.unread_count end,
        subject = case when p ? 'subject' then p ->> 'subject' else c.subject end,
        contact_id = case when p ? 'contactId' then (p ->> 'contactId')::uuid else c.contact_id end,
        updated_at = now()
    where c.id = (p ->> 'conversationId')::uuid and c.workspace_id = p_workspace
    returning * into thread;
    if not found then
        return api_refused('not_found');
    end if;
    return api_done(conversation_view(thread) || jsonb_build_object(
        'replyFrom', reply_from_view(thread),
        'isOptedOut', is_opted_out(p_workspace, thread.business_phone, thread.customer_phone)));
end $$;

create function api_list_messages(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    thread conversations;
    views jsonb[];
    keys jsonb[];
    after_at timestamptz := (p #>> '{after,0}')::timestamptz;
    after_id uuid := (p #>> '{after,1}')::uuid;
    most integer := (p ->> 'limit')::integer;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    select * into thread from conversations c where c.id = (p ->> 'conversationId')::uuid and c.workspace_id = p_workspace;
    if not found then
        return api_refused('not_found');
    end if;
    select array_agg(message_view(page.m, thread.channel) order by (page.m).created_at desc, (page.m).id desc),
           array_agg(jsonb_build_array(api_time((page.m).created_at), (page.m).id) order by (page.m).created_at desc, (page.m).id desc)
    into views, keys
    from (
        select m from conversation_messages m
        where m.conversation_id = thread.id and m.workspace_id = p_workspace
          and (after_at is null or (m.created_at, m.id) < (after_at, after_id))
        order by m.created_at desc, m.id desc
        limit most + 1) as page;
    return api_page(views, keys, most);
end $$;

create function api_get_message(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    message conversation_messages;
    said_by text;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    select * into message from conversation_messages m where m.id = (p ->> 'messageId')::uuid and m.workspace_id = p_workspace;
    if not found then
        return api_refused('not_found');
    end if;
    select c.channel into said_by from conversations c where c.id = message.conversation_id;
    -- where the recording lies is for us alone, who have the carrier's credentials
    return api_done(message_view(message, said_by)) || jsonb_build_object('private', jsonb_build_object(
        'recordingUrl', message.call_recording_url, 'recordingSid', message.call_recording_sid));
end $$;

-- A failed message as it would be sent again.
create function api_find_resendable(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    message conversation_messages;
    thread conversations;
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
    if message.direction <> 'outbound' or message.status not in ('failed', 'undelivered', 'busy', 'no-answer', 'canceled') then
        return api_refused('not_resendable', format('the message is %s and %s', message.direction, message.status));
    end if;
    return api_done(jsonb_strip_nulls(jsonb_build_object(
        'workspaceId', p_workspace, 'channel', thread.channel, 'to', message.recipient_phone, 'body', message.body,
        'from', coalesce(thread.phone_number_id::text, message.sender_phone), 'connect', message.connect_phone,
        'mediaUrls', (select jsonb_agg(a ->> 'url') from jsonb_array_elements(message.attachments) a))));
end $$;

-- Says of a message which one it repeats.
create function api_link_resend(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    update conversation_messages m set resend_of = (p ->> 'messageId')::uuid
    where m.id = (p ->> 'newId')::uuid and m.workspace_id = p_workspace and m.resend_of is null;
    return api_done('null');
end $$;

-- One customer over all numbers and channels of the workspace.
create function api_get_customer(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    customer text := p ->> 'customerPhone';
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    if not exists (select from conversations c where c.workspace_id = p_workspace and c.customer_phone = customer)
       and not exists (select from contacts k where k.workspace_id = p_workspace and k.phone_e164 = customer) then
        return api_refused('not_found');
    end if;
    return api_done(jsonb_build_object(
        'customerPhone', customer,
        'contact', (select jsonb_build_object('id', k.id, 'name', contact_name(k)) from contacts k
                    where k.workspace_id = p_workspace and k.phone_e164 = customer order by k.created_at, k.id limit 1),
        'unreadCount', (select coalesce(sum(c.unread_count), 0) from conversations c
                        where c.workspace_id = p_workspace and c.customer_phone = customer),
        'optedOutOf', coalesce((
            select jsonb_agg(distinct c.business_phone) from conversations c
            where c.workspace_id = p_workspace and c.customer_phone = customer
              and is_opted_out(p_workspace, c.business_phone, customer)), '[]'),
        'conversations', coalesce((
            select jsonb_agg(conversation_view(recent.c) order by (recent.c).last_message_at desc)
            from (select c from conversations c
                  where c.workspace_id = p_workspace and c.customer_phone = customer and c.last_message_at is not null
                  order by c.last_message_at desc limit 100) as recent), '[]')));
end $$;

create function api_list_customer_messages(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    views jsonb[];
    keys jsonb[];
    customer text := p ->> 'customerPhone';
    after_at timestamptz := (p #>> '{after,0}')::timestamptz;
    after_id uuid := (p #>> '{after,1}')::uuid;
    most integer := (p ->> 'limit')::integer;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    if not exists (select from conversations c where c.workspace_id = p_workspace and c.customer_phone = customer) then
        return api_refused('not_found');
    end if;
    select array_agg(message_view(page.m, page.channel) order by (page.m).created_at desc, (page.m).id desc),
           array_agg(jsonb_build_array(api_time((page.m).created_at), (page.m).id) order by (page.m).created_at desc, (page.m).id desc)
    into views, keys
    from (
        -- of each conversation no more than could be on the page
        select newest.m, c.channel
        from conversations c cross join lateral (
            select m from conversation_messages m
            where m.conversation_id = c.id and m.workspace_id = p_workspace
              and (after_at is null or (m.created_at, m.id) < (after_at, after_id))
            order by m.created_at desc, m.id desc
            limit most + 1) as newest
        where c.workspace_id = p_workspace and c.customer_phone = customer
        order by (newest.m).created_at desc, (newest.m).id desc
        limit most + 1) as page;
    return api_page(views, keys, most);
end $$;

-- Contacts

create function contact_view(k contacts) returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'id', k.id, 'firstName', k.first_name, 'lastName', k.last_name, 'email', k.email, 'phone', k.phone,
        'phoneE164', k.phone_e164, 'createdAt', api_time(k.created_at), 'updatedAt', api_time(k.updated_at))
$$;

-- The conversations of a contact's number follow it: those that nobody is linked to, and those that were linked by the number
-- it had before.
create function link_conversations(k contacts, p_old_phone text) returns void
language sql as $$
    update conversations c set contact_id = null, updated_at = now()
    where c.workspace_id = k.workspace_id and c.contact_id = k.id
      and c.customer_phone = p_old_phone and p_old_phone is distinct from k.phone_e164;
    update conversations c set contact_id = k.id, updated_at = now()
    where c.workspace_id = k.workspace_id and c.customer_phone = k.phone_e164 and c.contact_id is null
$$;

create function api_list_contacts(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    views jsonb[];
    keys jsonb[];
    after_at timestamptz := (p #>> '{after,0}')::timestamptz;
    after_id uuid := (p #>> '{after,1}')::uuid;
    most integer := (p ->> 'limit')::integer;
    pattern text := api_pattern(nullif(trim(p ->> 'q'), ''));
    digits text := api_pattern(nullif(regexp_replace(p ->> 'q', '[^0-9]', '', 'g'), ''));
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    if length(digits) < 5 then
        digits := null;
    end if;
    select array_agg(contact_view(page.k) order by (page.k).created_at desc, (page.k).id desc),
           array_agg(jsonb_build_array(api_time((page.k).created_at), (page.k).id) order by (page.k).created_at desc, (page.k).id desc)
    into views, keys
    from (
        select k from contacts k
        where k.workspace_id = p_workspace
          and (after_at is null or (k.created_at, k.id) < (after_at, after_id))
          and (pattern is null or contact_name(k) ilike pattern or k.email ilike pattern or k.phone_e164 like digits)
        order by k.created_at desc, k.id desc
        limit most + 1) as page;
    return api_page(views, keys, most);
end $$;

create function api_get_contact(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    known contacts;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    select * into known from contacts k where k.id = (p ->> 'contactId')::uuid and k.workspace_id = p_workspace;
    if not found then
        return api_refused('not_found');
    end if;
    return api_done(contact_view(known));
end $$;

-- Creates (`newId`) or updates (`contactId`). One contact has a number.
create function api_save_contact(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    known contacts;
    other uuid;
    wanted uuid := coalesce(p ->> 'contactId', p ->> 'newId')::uuid;
    old_phone text;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    if p ->> 'phone' is not null then
        if e164(p ->> 'phone') is null then
            return api_refused('bad_request', '`phone` is not a phone number', '{"field": "phone"}');
        end if;
        perform pg_advisory_xact_lock(hashtextextended(p_workspace::text || e164(p ->> 'phone'), 5));
        select k.id into other from contacts k
        where k.workspace_id = p_workspace and k.phone_e164 = e164(p ->> 'phone') and k.id <> wanted
        order by k.created_at, k.id limit 1;
        if found then
            return api_refused('contact_exists', null, jsonb_build_object('contactId', other));
        end if;
    end if;
    select * into known from contacts k where k.id = wanted and k.workspace_id = p_workspace for update;
    old_phone := known.phone_e164;
    if found then
        update contacts k
        set first_name = case when p ? 'firstName' then p ->> 'firstName' else k.first_name end,
            last_name = case when p ? 'lastName' then p ->> 'lastName' else k.last_name end,
            email = case when p ? 'email' then p ->> 'email' else k.email end,
            phone = case when p ? 'phone' then p ->> 'phone' else k.phone end,
            updated_at = now()
        where k.id = wanted returning * into known;
    elsif p ? 'newId' then
        insert into contacts (id, workspace_id, first_name, last_name, email, phone)
        values (wanted, p_workspace, p ->> 'firstName', p ->> 'lastName', p ->> 'email', p ->> 'phone')
        returning * into known;
    else
        return api_refused('not_found');
    end if;
    perform link_conversations(known, old_phone);
    return api_done(contact_view(known));
end $$;

-- Trace

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
    day date;
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

    -- until the carrier says what it took: a message by its segments, a call by its begun minutes
    day := (message.created_at at time zone 'UTC')::date;
    expected := case thread.channel
        when 'sms' then greatest(coalesce(message.segments, 1), 1) * rate_on('sms_' || message.direction || '_segment', day)
        when 'call' then ceil(message.call_duration / 60.0) * rate_on('call_' || message.direction || '_minute', day) end;
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

-- Missed calls

alter table conversation_messages add column answers_call uuid references conversation_messages (id);
comment on column conversation_messages.answers_call is 'the missed call that this text answers';
create unique index conversation_messages_answers_call on conversation_messages (answers_call) where answers_call is not null;

-- Texts back to whoever called and was not answered, once a call, where the number has a `missed_call_text`. The text is a held
-- message, so the reconciler sends it within minutes, outside the customer's quiet hours. As with any other send: consent, limits, a number
-- that may text, no talk between two machines. Callers outside North America cost many times as much and get none, nor do those
-- who hide their number.
create function text_missed_call(p_call conversation_messages, p_pause interval) returns void
language plpgsql as $$
declare
    words text;
    own workspace_phone_numbers;
    tenant workspaces;
    allowed tier_limits;
    thread conversations;
    place record;
    price numeric;
begin
    select s.missed_call_text into words
    from conversations c join voice_settings s on s.phone_number_id = c.phone_number_id
    where c.id = p_call.conversation_id and s.missed_call_text <> '';
    if not found or p_call.sender_phone !~ '^\+1[2-9][0-9]{9}$' or blocked_because(p_call.sender_phone) is not null
       or exists (select from conversation_messages m where m.answers_call = p_call.id) then
        return;
    end if;
    select n.* into own from conversations c join workspace_phone_numbers n on n.id = c.phone_number_id
    where c.id = p_call.conversation_id and n.status = 'active';
    if not found or exists (select from phone_number_readiness r
                            where r.phone_number_id = own.id and r.messaging_readiness in ('pending', 'failed')) then
        return;
    end if;
    select * into tenant from workspaces w where w.id = p_call.workspace_id;
    allowed := limits_of(tenant.id, tenant.subscription_tier);
    if not tenant.is_active or not allowed.sending_enabled then
        return;
    end if;
    thread := lock_conversation(tenant.id, own.id, own.phone_number, p_call.sender_phone, 'sms');
    perform lock_consent(own.phone_number, p_call.sender_phone);
    price := send_estimate('sms', null, '[]');
    if not is_opted_out(tenant.id, own.phone_number, p_call.sender_phone) and not is_looping(thread.id, allowed, now()) then
        select * into place from reserve_send(tenant.id, allowed, false, price);
        if place.refusal is null then
            insert into conversation_messages (
                id, workspace_id, conversation_id, direction, body, sender_phone, recipient_phone, status, send_after,
                reserved_price, answers_call)
            values (gen_random_uuid(), tenant.id, thread.id, 'outbound', words, own.phone_number, p_call.sender_phone, 'queued',
                    now() + p_pause, price, p_call.id)
            on conflict do nothing;
            if found then
                update conversations c
                set message_count = c.message_count + 1, snippet = left(words, 160), last_message_at = greatest(c.last_message_at, now()),
                    last_outbound_at = greatest(c.last_outbound_at, now()), updated_at = now()
                where c.id = thread.id;
                return;
            end if;
        end if;
    end if;
    delete from conversations c where c.id = thread.id and c.message_count = 0;
end $$;

-- An inbound call that ended without anybody: its forwarded leg was not taken, or there was none. The carrier's reports may
-- overtake each other, so a call that was forwarded and has ended waits for the word about its leg.
create function answer_missed_call() returns trigger
language plpgsql as $$
begin
    if new.dial_status in ('completed', 'answered') then
        update conversation_messages m
        set status = 'canceled', send_after = null, error_message = 'somebody answered the call after all', updated_at = now()
        where m.answers_call = new.id and m.status = 'queued' and m.send_after is not null;
    elsif new.dial_status is not null then
        perform text_missed_call(new, interval '0');
    elsif call_status_rank(new.status) = 4 then
        perform text_missed_call(new, case when exists (
            select from conversations c join voice_settings s on s.phone_number_id = c.phone_number_id
            where c.id = new.conversation_id and cardinality(s.forward_to) > 0
              and voice_is_open(s.business_hours, s.time_zone, new.created_at)) then interval '2 minutes' else interval '0' end);
    end if;
    return null;
end $$;
create trigger missed_call after update on conversation_messages for each row
    when (new.direction = 'inbound' and new.status <> 'received'
          and (old.status is distinct from new.status or old.dial_status is distinct from new.dial_status))
    execute function answer_missed_call();
