-- Numbers are bought by orders. An order is stored before anything is asked of the carrier, and so is the number it chose.

create table provisioning_orders (
    id                uuid primary key,
    workspace_id      uuid not null references workspaces (id),
    origin            text not null check (origin in ('plan', 'request')),
    state             text not null default 'requested' check (state in (
                          'requested', 'searching', 'purchasing', 'configuring', 'active', 'retrying', 'needs_attention', 'canceled')),
    reason            text,
    attempts          integer not null default 0,
    next_attempt_at   timestamptz,
    event_id          text,
    area_code         text,
    number_type       text not null default 'primary' check (number_type in ('primary', 'sales', 'support', 'custom')),
    friendly_name     text,
    phone_number      text,
    phone_number_sid  text,
    phone_number_id   uuid references workspace_phone_numbers (id),
    lease             uuid,
    leased_until      timestamptz,
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now(),
    unique (workspace_id, event_id)
);
comment on column provisioning_orders.phone_number is 'the number chosen; stored before it is bought, so from then on the carrier''s list is read before anything else';
comment on column provisioning_orders.lease is 'who works on it; every write names it, so a worker that was overtaken changes nothing';
create index provisioning_orders_workspace on provisioning_orders (workspace_id, created_at);
create index provisioning_orders_due on provisioning_orders (next_attempt_at) where state = 'retrying';
-- Two orders never choose the same number.
create unique index provisioning_orders_chosen on provisioning_orders (phone_number)
    where phone_number is not null and state not in ('active', 'canceled');
-- One plan order at a time for a workspace, whatever is delivered twice.
create unique index provisioning_orders_plan on provisioning_orders (workspace_id)
    where origin = 'plan' and state not in ('active', 'canceled');

-- Numbers on their way out: suspended at once, given back when it is time.
create table phone_number_releases (
    phone_number_id uuid primary key references workspace_phone_numbers (id),
    workspace_id    uuid not null references workspaces (id),
    reason          text not null check (reason in ('plan', 'request')),
    release_at      timestamptz not null,
    attempts        integer not null default 0,
    last_error      text,
    next_attempt_at timestamptz not null,
    released_at     timestamptz,
    created_at      timestamptz not null default now()
);
create index phone_number_releases_due on phone_number_releases (next_attempt_at) where released_at is null;

-- Queue records that no retry can cure, kept with the reason.
create table parked_events (
    id          uuid primary key default gen_random_uuid(),
    record_id   text not null unique,
    reason      text not null,
    body        text not null,
    received_at timestamptz not null default now()
);

-- Whose order.
-- all workspaces: work in a queue names the order alone
create function order_workspace(p_order uuid) returns uuid
language sql stable as $$
    select workspace_id from provisioning_orders where id = p_order
$$;

-- Whose number.
-- all workspaces: work in a queue names the number alone
create function number_workspace(p_number uuid) returns uuid
language sql stable as $$
    select workspace_id from workspace_phone_numbers where id = p_number
$$;

-- Whether a workspace is to have numbers of its own.
create function has_numbers_plan(tenant workspaces) returns boolean
language sql immutable as $$
    select tenant.is_active and tenant.subscription_tier <> 'starter'
$$;

-- How many numbers a workspace may have.
create function numbers_allowed(tenant workspaces) returns integer
language sql stable as $$
    select case when has_numbers_plan(tenant) then coalesce(tenant.number_limit, tier_number_limit(tenant.subscription_tier)) else 0 end
$$;

-- Brings a workspace's numbers to what its plan allows, the primary and the older ones first: what is beyond it is suspended, and released
-- when the grace is over, at a time that is fixed here; what is within it and was suspended for its plan is active again. A number that
-- was given back on request counts no more.
create function fit_numbers(tenant workspaces, p_grace_days integer) returns void
language plpgsql as $$
declare
    beyond uuid[];
begin
    select array_agg(ranked.id) filter (where ranked.place > numbers_allowed(tenant)) into beyond
    from (
        select n.id, row_number() over (order by n.number_type <> 'primary', n.provisioned_at, n.id) as place
        from workspace_phone_numbers n
        where n.workspace_id = tenant.id and n.status <> 'released'
          and not exists (select from phone_number_releases r where r.phone_number_id = n.id and r.reason <> 'plan')) as ranked;
    beyond := coalesce(beyond, '{}');
    with kept as (
        delete from phone_number_releases
        where workspace_id = tenant.id and reason = 'plan' and released_at is null and phone_number_id <> all (beyond)
        returning phone_number_id)
    update workspace_phone_numbers n set status = 'active', updated_at = now()
    from kept where n.id = kept.phone_number_id and n.status = 'suspended';
    with stopped as (
        update workspace_phone_numbers set status = 'suspended', updated_at = now()
        where workspace_id = tenant.id and status = 'active' and id = any (beyond)
        returning id)
    insert into phone_number_releases (phone_number_id, workspace_id, reason, release_at, next_attempt_at)
    select id, tenant.id, 'plan', now() + make_interval(days => p_grace_days), now() + make_interval(days => p_grace_days)
    from stopped
    on conflict (phone_number_id) do nothing;
    -- orders beyond it that have chosen no number yet wait for a person
    update provisioning_orders o
    set state = 'needs_attention', reason = number_limit_reason(numbers_allowed(tenant), tenant.subscription_tier), updated_at = now()
    from (select w.id, row_number() over (order by w.number_type <> 'primary', w.created_at, w.id) as place
          from provisioning_orders w
          where w.workspace_id = tenant.id and w.state not in ('active', 'canceled', 'needs_attention')
            and w.phone_number_id is null) as waiting -- else its number is counted already
    where has_numbers_plan(tenant) and o.id = waiting.id and o.phone_number is null
      and (o.leased_until is null or o.leased_until < now())
      and waiting.place + (select count(*) from workspace_phone_numbers n
                           where n.workspace_id = tenant.id and n.status <> 'released') > numbers_allowed(tenant);
end $$;

-- Orders that have chosen no number yet end with the plan that they were for.
create function cancel_orders(p_workspace uuid) returns void
language plpgsql as $$
begin
    update provisioning_orders
    set state = 'canceled', reason = 'the workspace no longer has a plan with numbers', updated_at = now()
    where workspace_id = p_workspace and phone_number is null
      and state in ('requested', 'searching', 'retrying', 'needs_attention')
      and (leased_until is null or leased_until < now());
end $$;

-- How many numbers a workspace has or has on order.
create function numbers_held(p_workspace uuid) returns integer
language sql stable as $$
    select ((select count(*) from workspace_phone_numbers where workspace_id = p_workspace and status <> 'released')
          + (select count(*) from provisioning_orders
             where workspace_id = p_workspace and state not in ('active', 'canceled')
               and not (state = 'needs_attention' and reason like '%number_limit%')))::integer
$$;

-- all workspaces: a slug is unique among all
create function slug_is_taken(p_slug text, p_but uuid) returns boolean
language sql stable as $$
    select exists (select 1 from workspaces where slug = p_slug and id <> p_but)
$$;

-- Events of workspaces that were applied: one that comes again changes nothing, and a workspace is created once, so neither does its
-- creation under another id. What the workspace did in between stands.
create table workspace_events (
    workspace_id uuid not null references workspaces (id),
    event_id     text not null,
    type         text not null,
    tier         text,
    applied_at   timestamptz not null default now(),
    primary key (workspace_id, event_id)
);

-- Creates or updates the row of an event's workspace and locks it: the events of one workspace follow each other, so any number
-- of deliveries have one effect. An event older than one that was applied changes nothing; the plan has a time of its own, since
-- many events do not speak of it.
create function upsert_workspace(
    p_workspace uuid, p_name text, p_slug text, p_owner text, p_tier text, p_area_code text, p_at timestamptz,
    p_is_active boolean default null)
returns workspaces language plpgsql as $$
declare
    tenant workspaces;
    wanted_slug text := p_slug;
begin
    perform act_for(p_workspace);
    -- Two first deliveries at once: the second waits here and updates. Two workspaces with one slug: the second sees the first's.
    perform pg_advisory_xact_lock(hashtextextended(p_workspace::text, 7));
    if wanted_slug is not null then
        perform pg_advisory_xact_lock(hashtextextended(wanted_slug, 4));
        if slug_is_taken(wanted_slug, p_workspace) then
            wanted_slug := wanted_slug || '-' || left(p_workspace::text, 8);
        end if;
    end if;
    insert into workspaces as w (
        id, name, slug, clerk_organization_id, subscription_tier, preferred_area_code, event_at, tier_at, is_active)
    values (p_workspace, coalesce(p_name, p_owner, p_workspace::text), coalesce(wanted_slug, p_workspace::text), p_owner,
            coalesce(p_tier, 'starter'), p_area_code, p_at, case when p_tier is not null then p_at end, coalesce(p_is_active, true))
    on conflict (id) do update
    set name = coalesce(p_name, w.name),
        slug = coalesce(wanted_slug, w.slug),
        clerk_organization_id = coalesce(p_owner, w.clerk_organization_id),
        preferred_area_code = coalesce(p_area_code, w.preferred_area_code),
        is_active = coalesce(p_is_active, w.is_active),
        event_at = coalesce(p_at, w.event_at),
        updated_at = now()
    where p_at is null or w.event_at is null or p_at >= w.event_at;
    update workspaces w
    set subscription_tier = p_tier, tier_at = coalesce(p_at, w.tier_at), updated_at = now()
    where w.id = p_workspace and p_tier is not null and (p_at is null or w.tier_at is null or p_at >= w.tier_at)
      and (w.subscription_tier, w.tier_at) is distinct from (p_tier, coalesce(p_at, w.tier_at));
    select * into tenant from workspaces where id = p_workspace for update;
    return tenant;
end $$;

-- Applies a workspace.* event: the row, and what its plan means for numbers. A number is bought when a plan with numbers begins, and
-- not again because somebody has given it back. `p_ended_tier`: the plan that ended; if the workspace has another by now, that one
-- stands. Returns the orders to work on, also to who delivers again.
create function apply_workspace_event(
    p_event_id text, p_type text, p_workspace uuid, p_name text, p_slug text, p_owner text, p_tier text, p_ended_tier text,
    p_area_code text, p_at timestamptz, p_grace_days integer, p_order_id uuid)
returns setof uuid language plpgsql as $$
declare
    before workspaces;
    tenant workspaces;
    tier text := p_tier;
    tier_time timestamptz;
begin
    perform act_for(p_workspace);
    perform pg_advisory_xact_lock(hashtextextended(p_workspace::text, 7));
    select * into before from workspaces where id = p_workspace for update;
    tenant := before;
    if not exists (
        select from workspace_events e where e.workspace_id = p_workspace and (
            e.event_id = p_event_id
            or p_type = 'workspace.created' and e.type = p_type and e.tier is not distinct from p_tier)) then
        if p_ended_tier is not null and before.subscription_tier <> p_ended_tier
           or p_type = 'workspace.created' and tier = 'starter' and has_numbers_plan(before) then
            tier := null; -- the plan that began since stands; queues keep no order, so a creation may come late
        end if;
        tier_time := before.tier_at;
        tenant := upsert_workspace(p_workspace, p_name, p_slug, p_owner, tier, p_area_code, p_at,
            case
                when p_type = 'workspace.deleted' then false
                when p_type = 'workspace.plan_changed' and tier <> 'starter' then true -- an upgrade restores
            end);
        if p_ended_tier is not null then -- the end of one plan may overtake the beginning of the next
            update workspaces w set tier_at = tier_time where w.id = p_workspace;
        end if;
        insert into workspace_events (workspace_id, event_id, type, tier) values (p_workspace, p_event_id, p_type, p_tier);
    end if;

    if not has_numbers_plan(tenant) or numbers_allowed(tenant) is distinct from numbers_allowed(before) then
        perform fit_numbers(tenant, p_grace_days);
    end if;
    if not has_numbers_plan(tenant) then
        perform cancel_orders(p_workspace);
        -- an order that may have bought goes on until that is known
        return query select id from provisioning_orders
            where workspace_id = p_workspace and phone_number is not null and state not in ('active', 'canceled', 'needs_attention');
        return;
    end if;

    if (has_numbers_plan(before) is distinct from true
        or not exists (select 1 from provisioning_orders where workspace_id = p_workspace and origin = 'plan'))
       and not exists (select 1 from workspace_phone_numbers
                       where workspace_id = p_workspace and status <> 'released' and number_type = 'primary')
       and not exists (select 1 from provisioning_orders
                       where workspace_id = p_workspace and number_type = 'primary' and state not in ('active', 'canceled'))
       and coalesce(tenant.number_limit, tier_number_limit(tenant.subscription_tier)) > 0 then
        insert into provisioning_orders (id, workspace_id, origin, area_code, number_type)
        values (p_order_id, p_workspace, 'plan', p_area_code, 'primary')
        on conflict do nothing;
    end if;
    return query select id from provisioning_orders
        where workspace_id = p_workspace and state not in ('active', 'canceled', 'needs_attention') order by created_at;
end $$;

create function number_limit_reason(p_allowed integer, p_tier text) returns text
language sql immutable as $$
    select format('number_limit: the workspace may have %s number(s) and has that many; release one, raise its number_limit or change its plan (%s), then retry this order',
                  p_allowed, p_tier)
$$;

-- A number that somebody asked for: an order, or one that says which limit it met. An event delivered twice is one order.
create function request_number(
    p_event_id text, p_workspace uuid, p_area_code text, p_number_type text, p_friendly_name text, p_order_id uuid)
returns setof uuid language plpgsql as $$
declare
    tenant workspaces;
    allowed integer;
begin
    perform act_for(p_workspace);
    select * into tenant from workspaces where id = p_workspace for update;
    if not found then
        raise exception 'unknown workspace' using errcode = 'RS404';
    end if;
    allowed := coalesce(tenant.number_limit, tier_number_limit(tenant.subscription_tier));
    if not exists (select 1 from provisioning_orders where workspace_id = p_workspace and event_id = p_event_id) then
        insert into provisioning_orders (id, workspace_id, origin, event_id, area_code, number_type, friendly_name, state, reason)
        values (p_order_id, p_workspace, 'request', p_event_id, p_area_code, p_number_type, p_friendly_name,
            case when tenant.is_active and numbers_held(p_workspace) < allowed then 'requested' else 'needs_attention' end,
            case
                when not tenant.is_active then 'the workspace was deleted'
                when numbers_held(p_workspace) >= allowed then number_limit_reason(allowed, tenant.subscription_tier)
            end);
    end if;
    return query select id from provisioning_orders
        where workspace_id = p_workspace and event_id = p_event_id and state not in ('active', 'canceled', 'needs_attention');
end $$;

-- The same for an event, which may be the first that we hear of its workspace.
create function request_number(
    p_workspace uuid, p_name text, p_slug text, p_owner text, p_tier text, p_at timestamptz,
    p_event_id text, p_area_code text, p_number_type text, p_friendly_name text, p_order_id uuid)
returns setof uuid language plpgsql as $$
begin
    perform act_for(p_workspace);
    perform upsert_workspace(p_workspace, p_name, p_slug, p_owner, p_tier, null, p_at);
    return query select request_number(p_event_id, p_workspace, p_area_code, p_number_type, p_friendly_name, p_order_id);
end $$;

-- A person asks for another try, of as many tries as the first. It is measured against the limit again: the plan may have changed.
create function retry_order(p_order_id uuid, p_workspace uuid) returns setof uuid
language plpgsql as $$
declare
    tenant workspaces;
    allowed integer;
begin
    perform act_for(coalesce(p_workspace, order_workspace(p_order_id)));
    select w.* into tenant from workspaces w join provisioning_orders o on o.workspace_id = w.id
    where o.id = p_order_id and (p_workspace is null or w.id = p_workspace) for update of w;
    if not found then
        raise exception 'unknown order' using errcode = 'RS404';
    end if;
    allowed := coalesce(tenant.number_limit, tier_number_limit(tenant.subscription_tier));
    -- first as one that asks for no number, so that it is not counted against itself
    update provisioning_orders o
    set reason = number_limit_reason(allowed, tenant.subscription_tier), updated_at = now()
    where o.id = p_order_id and o.state = 'needs_attention' and tenant.is_active and o.phone_number is null;
    update provisioning_orders o
    set state = 'requested', reason = null, attempts = 0, next_attempt_at = null, updated_at = now()
    where o.id = p_order_id and o.state = 'needs_attention' and tenant.is_active
      and (o.phone_number is not null or numbers_held(tenant.id) < allowed);
    return query select id from provisioning_orders
        where id = p_order_id and state not in ('active', 'canceled', 'needs_attention');
end $$;

-- A number to be given back on request: suspended now, due now.
create function request_release(p_workspace uuid, p_number uuid) returns setof uuid
language plpgsql as $$
begin
    perform act_for(p_workspace);
    if not exists (select 1 from workspace_phone_numbers where id = p_number and workspace_id = p_workspace) then
        raise exception 'unknown number' using errcode = 'RS404';
    end if;
    update workspace_phone_numbers set status = 'suspended', updated_at = now()
    where id = p_number and status = 'active';
    insert into phone_number_releases (phone_number_id, workspace_id, reason, release_at, next_attempt_at)
    select id, workspace_id, 'request', now(), now() from workspace_phone_numbers where id = p_number and status <> 'released'
    on conflict (phone_number_id) do update
    set reason = 'request', release_at = least(phone_number_releases.release_at, now()),
        next_attempt_at = least(phone_number_releases.next_attempt_at, now())
    where phone_number_releases.reason = 'plan';
    return query select phone_number_id from phone_number_releases
        where phone_number_id = p_number and released_at is null;
end $$;

-- The purchase is known: the number is recorded, once, and its order moves on. Returns the number's id. Where the workspace's
-- plan allows it no more by then, the number is suspended like the others beyond it, and due when the grace is over.
create function record_purchase(
    p_order uuid, p_lease uuid, p_number_id uuid, p_sid text, p_phone_number text, p_friendly_name text, p_capabilities jsonb,
    p_voice_url text, p_sms_url text, p_status_url text, p_campaign boolean, p_grace_days integer)
returns uuid language plpgsql as $$
declare
    ordered provisioning_orders;
    tenant workspaces;
begin
    perform act_for(order_workspace(p_order));
    select w.* into tenant from workspaces w join provisioning_orders o on o.workspace_id = w.id
    where o.id = p_order for update of w;
    select * into ordered from provisioning_orders where id = p_order and lease = p_lease for update;
    if not found then
        return null; -- somebody else works on this order now
    end if;
    if ordered.phone_number_id is not null then
        return ordered.phone_number_id;
    end if;
    insert into workspace_phone_numbers (
        id, workspace_id, phone_number, phone_number_sid, friendly_name, capabilities, voice_url, sms_url, status_callback_url,
        status, number_type)
    values (
        p_number_id, ordered.workspace_id, p_phone_number, p_sid, coalesce(ordered.friendly_name, p_friendly_name), p_capabilities,
        p_voice_url, p_sms_url, p_status_url,
        case when numbers_allowed(tenant) > (
                select count(*) from workspace_phone_numbers n
                where n.workspace_id = tenant.id and n.status <> 'released'
                  and not exists (select from phone_number_releases r where r.phone_number_id = n.id and r.reason <> 'plan'))
            then 'active' else 'suspended' end,
        ordered.number_type);
    insert into phone_number_releases (phone_number_id, workspace_id, reason, release_at, next_attempt_at)
    select n.id, n.workspace_id, 'plan', now() + make_interval(days => p_grace_days), now() + make_interval(days => p_grace_days)
    from workspace_phone_numbers n where n.id = p_number_id and n.status = 'suspended';
    insert into phone_number_readiness (phone_number_id, workspace_id, messaging_readiness, reason)
    values (p_number_id, ordered.workspace_id, case when p_campaign then 'pending' else 'not_required' end,
            case when p_campaign then 'the number is being assigned to the messaging campaign' end);
    perform forget_spare(p_phone_number);
    update provisioning_orders
    set state = 'configuring', phone_number_sid = p_sid, phone_number_id = p_number_id, reason = null, updated_at = now()
    where id = p_order;
    return p_number_id;
end $$;
