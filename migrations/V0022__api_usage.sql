-- The workspace API: usage and money, of one workspace and of the platform.

-- Whether days can be counted in a zone: a name, no offset, which would know nothing of summer.
create function is_time_zone(p_zone text) returns boolean
language plpgsql stable as $$
begin
    perform now() at time zone p_zone;
    return p_zone ~ '^[A-Za-z_]+(/[A-Za-z0-9_+-]+){0,2}$';
exception when invalid_parameter_value then
    return false;
end $$;

-- Of which days figures are asked for: `from` and `to`, both included, in `timeZone`. Left out: the last thirty days, in UTC.
create function usage_span(p jsonb, out first date, out last date, out zone text, out refused jsonb)
language plpgsql stable as $$
begin
    zone := coalesce(p ->> 'timeZone', 'UTC');
    if not is_time_zone(zone) then
        refused := api_refused('bad_request', '`timeZone` is not the name of a time zone, such as America/Chicago', '{"field": "timeZone"}');
        return;
    end if;
    last := coalesce((p ->> 'to')::date, (now() at time zone zone)::date);
    first := coalesce((p ->> 'from')::date, last - 29);
    if first > last or last - first > 366 then
        refused := api_refused('bad_request', '`from` has to be at most 366 days before `to`', '{"field": "from"}');
    end if;
end $$;

-- The figures of a workspace, in one answer.
create function api_usage(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    span record;
    answer jsonb;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    select * into span from usage_span(p);
    if span.refused is not null then
        return span.refused;
    end if;
    with sums as materialized (select * from usage_sums(p_workspace, span.first, span.last, span.zone))
    select jsonb_build_object(
        'workspaceId', p_workspace, 'from', span.first, 'to', span.last, 'timeZone', span.zone, 'currency', 'USD',
        'totals', (select s.figures from sums s where s.level = 'total'),
        'byNumber', (select coalesce(jsonb_agg(s.figures - 'revenue' - 'margin' || jsonb_build_object(
                                'phoneNumber', s.phone_number, 'phoneNumberId', n.id, 'label', n.friendly_name) order by s.phone_number), '[]')
                     from sums s
                     left join lateral (
                         select n.id, n.friendly_name from workspace_phone_numbers n
                         where n.workspace_id = p_workspace and n.phone_number = s.phone_number
                         order by n.provisioned_at desc limit 1) n on true
                     where s.level = 'number' and s.phone_number is not null),
        'byChannel', (select coalesce(jsonb_agg(s.figures - 'revenue' - 'margin' - 'numberDays' || jsonb_build_object(
                                'channel', s.channel) order by s.channel), '[]')
                      from sums s where s.level = 'channel' and s.channel in ('sms', 'whatsapp', 'call')),
        'provisioning', (
            select jsonb_build_object(
                'orders', count(*), 'succeeded', count(*) filter (where o.state = 'active'),
                'needsAttention', count(*) filter (where o.state = 'needs_attention'),
                'canceled', count(*) filter (where o.state = 'canceled'),
                'successShare', share_text(count(*) filter (where o.state = 'active'),
                                           count(*) filter (where o.state in ('active', 'needs_attention'))))
            from provisioning_orders o
            where o.workspace_id = p_workspace
              and o.created_at >= span.first::timestamp at time zone span.zone and o.created_at < (span.last + 1)::timestamp at time zone span.zone),
        'idleNumbers', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'phoneNumberId', i.phone_number_id, 'phoneNumber', i.phone_number, 'status', i.status,
                'lastUsedAt', api_time(i.last_used_at), 'idleDays', i.idle_days, 'monthlyCost', api_money(i.monthly_cost, 'USD')) order by i.phone_number), '[]')
            from idle_phone_numbers i where i.workspace_id = p_workspace))
    into answer;
    return api_done(answer);
end $$;

-- One point a day, week (from Monday) or month, for charts; without gaps.
create function api_usage_series(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    span record;
    step text := coalesce(p ->> 'interval', 'day');
    answer jsonb;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    select * into span from usage_span(p);
    if span.refused is not null then
        return span.refused;
    end if;
    with lines as materialized (
        select date_trunc(step, l.day::timestamp)::date as point, l.* from usage_lines(p_workspace, span.first, span.last, span.zone) l),
    points as (
        select d::date as point
        from generate_series(date_trunc(step, span.first::timestamp), span.last::timestamp, ('1 ' || step)::interval) d)
    select jsonb_build_object(
        'workspaceId', p_workspace, 'from', span.first, 'to', span.last, 'timeZone', span.zone, 'interval', step, 'currency', 'USD',
        'points', jsonb_agg(p.figures order by p.point))
    into answer
    from (
        select p.point, jsonb_build_object(
            'date', p.point,
            'messagesIn', coalesce(sum(l.messages_in), 0), 'messagesOut', coalesce(sum(l.messages_out), 0),
            'delivered', coalesce(sum(l.delivered), 0), 'failed', coalesce(sum(l.failed), 0),
            'segments', coalesce(sum(l.segments_in + l.segments_out), 0),
            'callsIn', coalesce(sum(l.calls_in), 0), 'callsOut', coalesce(sum(l.calls_out), 0),
            'callMinutes', coalesce(sum(l.call_minutes), 0),
            'cost', money_text(coalesce(sum(l.cost), 0)), 'costEstimated', money_text(coalesce(sum(l.cost_estimated), 0)),
            'revenue', money_text(coalesce(sum(l.revenue_plan + l.revenue_numbers), 0)),
            'margin', money_text(coalesce(sum(l.revenue_plan + l.revenue_numbers - l.cost), 0))) as figures
        from points p left join lines l on l.point = p.point
        group by p.point) p;
    return api_done(answer);
end $$;

-- Every line as CSV. Nothing in it needs quotes: dates, numbers in E.164, words and decimals.
create function api_usage_csv(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    span record;
    answer text;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    select * into span from usage_span(p);
    if span.refused is not null then
        return span.refused;
    end if;
    select 'date,time_zone,phone_number,channel,messages_in,messages_out,delivered,failed,segments_in,segments_out,calls_in,calls_out,'
           || E'call_seconds,call_minutes,number_days,cost,cost_estimated,unpriced,revenue_plan,revenue_extra_numbers,currency\r\n'
           || coalesce(string_agg(concat_ws(',',
                  l.day, span.zone, coalesce(l.phone_number, ''), l.channel, l.messages_in, l.messages_out, l.delivered, l.failed,
                  l.segments_in, l.segments_out, l.calls_in, l.calls_out, l.call_seconds, l.call_minutes, round(l.number_days, 4),
                  money_text(l.cost), money_text(l.cost_estimated), l.unpriced, money_text(l.revenue_plan),
                  money_text(l.revenue_numbers), 'USD') || E'\r\n', '' order by l.day, l.phone_number nulls first, l.channel), '')
    into answer
    from usage_lines(p_workspace, span.first, span.last, span.zone) l;
    return api_done(to_jsonb(answer));
end $$;

-- The figures of the whole platform.
-- all workspaces: it adds them up
create function platform_usage_figures(p_from date, p_to date, p_zone text) returns jsonb
language sql stable as $$
    with sums as materialized (select * from usage_sums(null, p_from, p_to, p_zone)),
    inbound as (
        select (select count(*) from conversation_messages m
                where m.direction = 'inbound' and m.created_at >= p_from::timestamp at time zone p_zone
                  and m.created_at < (p_to + 1)::timestamp at time zone p_zone) as routed,
               u.unrouted, u.cost, u.estimated
        from (select count(*) as unrouted,
                     coalesce(sum(coalesce(abs(u.price), e.amount)), 0) as cost,
                     coalesce(sum(e.amount) filter (where u.price is null), 0) as estimated
              from unrouted_messages u
              cross join lateral (
                  select case u.channel when 'sms' then greatest(u.segments, 1)
                      * rate_on('sms_inbound_segment', (u.received_at at time zone 'UTC')::date) else 0 end as amount) e
              where u.received_at >= p_from::timestamp at time zone p_zone
                and u.received_at < (p_to + 1)::timestamp at time zone p_zone) u),
    -- the texts with which strangers were answered
    nobodys as (
        select coalesce(sum(coalesce(abs(k.price), e.amount)), 0) as cost,
               coalesce(sum(e.amount) filter (where k.price is null), 0) as estimated
        from carrier_charges k
        cross join lateral (
            select case when k.status = 'failed' then 0 else greatest(k.segments, 1)
                * rate_on('sms_outbound_segment', (k.occurred_at at time zone 'UTC')::date) end as amount) e
        where k.workspace_id is null and k.occurred_at >= p_from::timestamp at time zone p_zone
          and k.occurred_at < (p_to + 1)::timestamp at time zone p_zone)
    select jsonb_build_object(
        'from', p_from, 'to', p_to, 'timeZone', p_zone, 'currency', 'USD',
        'totals', (select s.figures from sums s where s.level = 'total'),
        'byChannel', (select coalesce(jsonb_agg(s.figures - 'revenue' - 'margin' - 'numberDays'
                                || jsonb_build_object('channel', s.channel) order by s.channel), '[]')
                      from sums s where s.level = 'channel' and s.channel in ('sms', 'whatsapp', 'call')),
        'days', (select coalesce(jsonb_agg(jsonb_build_object(
                     'date', s.day, 'messagesIn', s.figures -> 'messagesIn', 'messagesOut', s.figures -> 'messagesOut',
                     'cost', s.figures #> '{cost,total}', 'revenue', s.figures #> '{revenue,total}', 'margin', s.figures -> 'margin')
                     order by s.day), '[]') from sums s where s.level = 'day'),
        'routing', (select jsonb_build_object(
                        'routed', i.routed, 'unrouted', i.unrouted, 'successShare', share_text(i.routed, i.routed + i.unrouted),
                        'unroutedCost', money_text(i.cost + n.cost), 'unroutedCostEstimated', money_text(i.estimated + n.estimated))
                    from inbound i cross join nobodys n),
        'provisioning', (select coalesce(jsonb_agg(jsonb_build_object(
                             'tier', v.subscription_tier, 'workspaces', v.workspaces, 'withNumbers', v.with_numbers,
                             'successShare', share_text(v.with_numbers, v.workspaces)) order by v.subscription_tier), '[]')
                         from provisioning_success v),
        'numbers', (select coalesce(jsonb_agg(jsonb_build_object(
                        'status', v.status, 'numbers', v.numbers, 'monthlyCost', api_money(v.monthly_cost, 'USD')) order by v.status), '[]')
                    from phone_number_costs v),
        'idleNumbers', (select jsonb_build_object('numbers', count(*), 'monthlyCost', api_money(coalesce(sum(i.monthly_cost), 0), 'USD'))
                        from idle_phone_numbers i))
$$;

-- all workspaces: operators' keys see them all
create function api_platform_usage(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    span record;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    select * into span from usage_span(p);
    if span.refused is not null then
        return span.refused;
    end if;
    return api_done(platform_usage_figures(span.first, span.last, span.zone));
end $$;

-- The figures of each workspace, by id.
-- all workspaces: operators' keys see them all
create function api_platform_workspaces(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    span record;
    views jsonb[];
    keys jsonb[];
    most integer := (p ->> 'limit')::integer;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    select * into span from usage_span(p);
    if span.refused is not null then
        return span.refused;
    end if;
    with page as (
        select w.id, w.name, w.subscription_tier, w.is_active
        from workspaces w where p ->> 'after' is null or w.id > (p ->> 'after')::uuid
        order by w.id limit most + 1)
    select array_agg(s.figures || jsonb_build_object(
                         'workspaceId', w.id, 'name', w.name, 'tier', w.subscription_tier, 'isActive', w.is_active) order by w.id),
           array_agg(to_jsonb(w.id) order by w.id)
    into views, keys
    from page w cross join lateral (
        select u.figures from usage_sums(w.id, span.first, span.last, span.zone) u where u.level = 'total') s;
    return api_page(views, keys, most);
end $$;
