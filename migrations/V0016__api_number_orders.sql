-- The workspace API: one more number, from the search to the order, and one less.

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
        return number_limit_refusal(permit.tenant, number_limit_view(permit.tenant, numbers_held(p_workspace)));
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
