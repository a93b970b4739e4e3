-- What was used, what the carrier takes for it, and what the plans bring in.
--
-- Prices are data that hold from a day on. The carrier's own price of a message or a call counts as soon as it is known; until
-- then the rate of its day stands in, and every figure says how much of it is such an estimate. All amounts are exact decimals in
-- US dollars, the one currency that the carrier bills in.

create table rates (
    kind       text not null check (kind in (
                   'number_month', 'sms_inbound_segment', 'sms_outbound_segment', 'call_inbound_minute', 'call_outbound_minute',
                   'whatsapp_inbound_message', 'whatsapp_outbound_message')),
    valid_from date not null,
    amount     numeric(12, 6) not null check (amount >= 0),
    currency   text not null default 'USD' check (currency = 'USD'),
    source     text not null,
    primary key (kind, valid_from)
);
comment on table rates is 'what the carrier takes where it has not said it yet; a new price is a new row, past days keep theirs';
-- The carrier documents no prices and has no API for them (FACTS 10); these are the cost structure of the deployment guide. WhatsApp
-- has none anywhere: what is not priced is counted as such, not as free.
insert into rates (kind, valid_from, amount, source) values
    ('number_month',         '2000-01-01', 1.0000, 'deployment guide, cost structure: $1 a month for a phone number'),
    ('sms_inbound_segment',  '2000-01-01', 0.0079, 'deployment guide, cost structure: $0.0079 for an SMS'),
    ('sms_outbound_segment', '2000-01-01', 0.0079, 'deployment guide, cost structure: $0.0079 for an SMS'),
    ('call_inbound_minute',  '2000-01-01', 0.0085, 'deployment guide, cost structure: $0.0085 a minute of inbound voice'),
    ('call_outbound_minute', '2000-01-01', 0.0090, 'deployment guide, cost structure: $0.0090 a minute of outbound voice');

create table plan_prices (
    tier             text not null check (tier in ('starter', 'professional', 'enterprise')),
    valid_from       date not null,
    monthly          numeric(12, 2) not null check (monthly >= 0),
    numbers_included integer not null check (numbers_included >= 0),
    extra_number     numeric(12, 2) check (extra_number >= 0),
    currency         text not null default 'USD' check (currency = 'USD'),
    source           text not null,
    primary key (tier, valid_from)
);
comment on column plan_prices.extra_number is 'a month for each active number beyond those included; null: none are sold, so none are charged';
insert into plan_prices (tier, valid_from, monthly, numbers_included, extra_number, source) values
    ('starter',      '2000-01-01',   0, 0, null, 'deployment guide, pricing: $0 a month, shares the platform''s number'),
    ('professional', '2000-01-01',  49, 1, null, 'deployment guide, pricing: $49 a month, one number included'),
    ('enterprise',   '2000-01-01', 199, 1,    5, 'deployment guide, pricing: $199 a month, one number, more at $5 a month');

create function rate_on(p_kind text, p_day date) returns numeric
language sql stable as $$
    select r.amount from rates r where r.kind = p_kind and r.valid_from <= p_day order by r.valid_from desc limit 1
$$;

-- Which plan a workspace had when: its row knows only the present.
create table workspace_plans (
    workspace_id uuid not null references workspaces (id) on delete cascade,
    since        timestamptz not null,
    tier         text not null,
    is_active    boolean not null,
    primary key (workspace_id, since)
);
create function remember_plan() returns trigger
language plpgsql as $$
begin
    insert into workspace_plans (workspace_id, since, tier, is_active)
    values (new.id, case when tg_op = 'INSERT' then new.created_at else now() end, new.subscription_tier, new.is_active)
    on conflict (workspace_id, since) do update set tier = excluded.tier, is_active = excluded.is_active;
    return null;
end $$;
create trigger workspace_plan_begins after insert on workspaces for each row execute function remember_plan();
create trigger workspace_plan_changes after update on workspaces for each row
    when (old.subscription_tier is distinct from new.subscription_tier or old.is_active is distinct from new.is_active)
    execute function remember_plan();
insert into workspace_plans (workspace_id, since, tier, is_active)
select id, created_at, subscription_tier, is_active from workspaces;

-- What the carrier charges beside our messages: the second leg of a call, and the texts with which a webhook was answered.
create table carrier_charges (
    external_id  text primary key,
    workspace_id uuid references workspaces (id) on delete cascade,
    message_id   uuid references conversation_messages (id) on delete set null,
    kind         text not null check (kind in ('leg', 'reply')),
    phone_number text not null,
    status       text not null,
    segments     integer,
    duration     integer,
    price        numeric(12, 5),
    occurred_at  timestamptz not null,
    updated_at   timestamptz not null default now()
);
comment on column carrier_charges.workspace_id is 'null: nobody''s, so the platform bears it';
comment on column carrier_charges.message_id is 'the call that the leg belongs to, or the message that was answered';
create index carrier_charges_workspace on carrier_charges (workspace_id, occurred_at);
create index carrier_charges_message on carrier_charges (message_id) where message_id is not null;

-- What a message or call is expected to cost. A started minute and a message's every segment are charged, a message that never reached
-- a carrier and a call that nobody took are not (FACTS 4). Null where there is no rate.
create function expected_price(m conversation_messages, p_channel text) returns numeric
language sql stable as $$
    select case
        when m.status in ('failed', 'canceled', 'busy', 'no-answer') then 0
        when p_channel = 'call' then ceil(coalesce(m.call_duration, 0) / 60.0)
            * rate_on('call_' || m.direction || '_minute', (m.created_at at time zone 'UTC')::date)
        when p_channel = 'sms' then greatest(m.segments, 1)
            * rate_on('sms_' || m.direction || '_segment', (m.created_at at time zone 'UTC')::date)
        else rate_on('whatsapp_' || m.direction || '_message', (m.created_at at time zone 'UTC')::date)
    end
$$;

-- Everything that the carrier charges for, with what it takes. `reported` is its own price; `estimated` stands in for it, and is
-- null beside it; where both are null no price is known.
create view usage_items with (security_invoker = true) as
select m.workspace_id, m.created_at as at, c.business_phone as phone_number, c.channel, m.direction, m.status,
       m.segments, m.call_duration as seconds, true as is_message,
       abs(m.price) as reported,
       case when m.price is null then expected_price(m, c.channel) end as estimated
from conversation_messages m
join conversations c on c.id = m.conversation_id
union all
-- the second leg, until the carrier has been asked about it: as long as the first
select m.workspace_id, m.created_at, c.business_phone, 'call', 'outbound', m.status, null, null, false, null,
       ceil(m.call_duration / 60.0) * rate_on('call_outbound_minute', (m.created_at at time zone 'UTC')::date)
from conversation_messages m
join conversations c on c.id = m.conversation_id
where c.channel = 'call' and m.call_duration > 0
  and (m.dial_status in ('completed', 'answered') or (m.connect_phone is not null and m.status = 'completed'))
  and not exists (select 1 from carrier_charges k where k.message_id = m.id and k.kind = 'leg')
union all
select k.workspace_id, k.occurred_at, k.phone_number, case k.kind when 'leg' then 'call' else 'sms' end, 'outbound', k.status,
       k.segments, null, k.kind = 'reply',
       abs(k.price),
       case
           when k.price is not null then null
           when k.status in ('failed', 'canceled', 'busy', 'no-answer') then 0
           when k.kind = 'leg' then ceil(coalesce(k.duration, 0) / 60.0)
               * rate_on('call_outbound_minute', (k.occurred_at at time zone 'UTC')::date)
           else greatest(k.segments, 1) * rate_on('sms_outbound_segment', (k.occurred_at at time zone 'UTC')::date)
       end
from carrier_charges k
where k.workspace_id is not null;
comment on view usage_items is 'every message, call, call leg and automatic reply of a workspace, with the carrier''s price or the estimate that stands in for it';

-- Usage by workspace, day, number and channel. A day begins at midnight in `p_zone`. Besides the channels there are lines of
-- channel `rental` (what a number costs, by the part of the month that it was held) and `plan` (what the workspace pays, likewise).
-- `p_workspace` null: every workspace.
-- all workspaces: an operator's figures add them up
create function usage_lines(p_workspace uuid, p_from date, p_to date, p_zone text)
returns table (
    workspace_id uuid, day date, phone_number text, channel text,
    messages_in bigint, messages_out bigint, delivered bigint, failed bigint, segments_in bigint, segments_out bigint,
    calls_in bigint, calls_out bigint, call_seconds bigint, call_minutes bigint, number_days numeric,
    cost numeric, cost_estimated numeric, unpriced bigint, revenue_plan numeric, revenue_numbers numeric)
language plpgsql stable set plan_cache_mode = 'force_custom_plan' as $$
#variable_conflict use_column
declare
    begins timestamptz := p_from::timestamp at time zone p_zone;
    ends timestamptz := (p_to + 1)::timestamp at time zone p_zone;
begin
    return query
    select i.workspace_id, (i.at at time zone p_zone)::date, i.phone_number, i.channel,
           count(*) filter (where i.is_message and i.channel <> 'call' and i.direction = 'inbound'),
           count(*) filter (where i.is_message and i.channel <> 'call' and i.direction = 'outbound'),
           count(*) filter (where i.is_message and i.channel <> 'call' and i.direction = 'outbound' and i.status in ('delivered', 'read')),
           count(*) filter (where i.is_message and i.channel <> 'call' and i.direction = 'outbound' and i.status in ('failed', 'undelivered')),
           coalesce(sum(i.segments) filter (where i.direction = 'inbound'), 0)::bigint,
           coalesce(sum(i.segments) filter (where i.direction = 'outbound'), 0)::bigint,
           count(*) filter (where i.is_message and i.channel = 'call' and i.direction = 'inbound'),
           count(*) filter (where i.is_message and i.channel = 'call' and i.direction = 'outbound'),
           coalesce(sum(i.seconds), 0)::bigint,
           coalesce(sum(ceil(i.seconds / 60.0)), 0)::bigint,
           0::numeric,
           coalesce(sum(coalesce(i.reported, i.estimated)), 0),
           coalesce(sum(i.estimated), 0),
           count(*) filter (where coalesce(i.reported, i.estimated) is null),
           0::numeric, 0::numeric
    from usage_items i
    where (p_workspace is null or i.workspace_id = p_workspace) and i.at >= begins and i.at < ends
    group by 1, 2, 3, 4;

    -- A number whose monthly cost was not the rate of its day has a price of its own, and keeps it.
    return query
    with days as (
        select d::date as day, d at time zone p_zone as begins, (d + interval '1 day') at time zone p_zone as ends
        from generate_series(p_from::timestamp, p_to::timestamp, interval '1 day') d),
    held as (
        select n.workspace_id, d.day, n.phone_number,
               extract(epoch from least(d.ends, now(), coalesce(n.released_at, 'infinity')) - greatest(d.begins, n.provisioned_at))
                   / extract(epoch from d.ends - d.begins) as share,
               case when n.monthly_cost_cents = 100 * rate_on('number_month', (n.provisioned_at at time zone 'UTC')::date)
                    then rate_on('number_month', d.day) else n.monthly_cost_cents / 100.0 end as monthly
        from days d
        join workspace_phone_numbers n
          on n.provisioned_at < least(d.ends, now()) and coalesce(n.released_at, 'infinity') > d.begins
        where (p_workspace is null or n.workspace_id = p_workspace) and d.begins < now())
    select h.workspace_id, h.day, h.phone_number, 'rental', 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint,
           0::bigint, 0::bigint, 0::bigint, 0::bigint, sum(h.share),
           sum(h.share * h.monthly / days_of_month(h.day)), sum(h.share * h.monthly / days_of_month(h.day)),
           0::bigint, 0::numeric, 0::numeric
    from held h
    group by 1, 2, 3;

    -- Between two ticks neither the day, nor the plan, nor the numbers change.
    return query
    with plans as (
        select w.workspace_id, w.tier, w.is_active, w.since,
               lead(w.since, 1, 'infinity'::timestamptz) over (partition by w.workspace_id order by w.since) as until
        from workspace_plans w
        where p_workspace is null or w.workspace_id = p_workspace),
    held as ( -- a number that was given back is not charged any more, though the carrier may make us keep it
        select n.workspace_id, n.provisioned_at as since,
               least(coalesce(n.released_at, 'infinity'), coalesce(r.created_at, 'infinity')) as until
        from workspace_phone_numbers n
        left join phone_number_releases r on r.phone_number_id = n.id
        where p_workspace is null or n.workspace_id = p_workspace),
    ticks as (
        select t.workspace_id, t.at
        from (select p.workspace_id, d at time zone p_zone as at
              from (select distinct workspace_id from plans) p
              cross join generate_series(p_from::timestamp, (p_to + 1)::timestamp, interval '1 day') d
              union select workspace_id, since from plans
              union select workspace_id, since from held
              union select workspace_id, until from held
              union select distinct workspace_id, now() from plans) t
        where t.at between begins and least(ends, now())),
    slices as (
        select t.workspace_id, t.at as begins, lead(t.at) over (partition by t.workspace_id order by t.at) as ends,
               (t.at at time zone p_zone)::date as day
        from ticks t),
    shares as (
        select s.workspace_id, s.day, p.tier,
               extract(epoch from s.ends - s.begins)
                   / extract(epoch from ((s.day + 1)::timestamp at time zone p_zone) - (s.day::timestamp at time zone p_zone))
                   / days_of_month(s.day) as share,
               (select count(*) from held h
                where h.workspace_id = s.workspace_id and h.since <= s.begins and h.until > s.begins) as numbers
        from slices s
        join plans p on p.workspace_id = s.workspace_id and p.since <= s.begins and p.until > s.begins and p.is_active
        where s.ends is not null)
    select s.workspace_id, s.day, null::text, 'plan', 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint,
           0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::numeric, 0::numeric, 0::numeric, 0::bigint,
           sum(s.share * c.monthly),
           sum(s.share * greatest(s.numbers - c.numbers_included, 0) * coalesce(c.extra_number, 0))
    from shares s
    cross join lateral (
        select c.* from plan_prices c
        where c.tier = s.tier and c.valid_from <= s.day order by c.valid_from desc limit 1) c
    group by 1, 2;
end $$;

create function days_of_month(p_day date) returns numeric
language sql immutable parallel safe as $$
    select extract(day from date_trunc('month', p_day::timestamp) + interval '1 month' - interval '1 day')
$$;

-- An amount as the API writes it: exact to a millionth, two decimals at least.
create function money_text(p_amount numeric) returns text
language sql immutable parallel safe as $$
    select case when scale(trim_scale(round(p_amount, 6))) < 2 then round(p_amount, 2)::text
                else trim_scale(round(p_amount, 6))::text end
$$;

-- A share as a decimal string, null of nothing.
create function share_text(p_part numeric, p_whole numeric) returns text
language sql immutable parallel safe as $$
    select case when p_whole <> 0 then round(p_part / p_whole, 4)::text end
$$;

-- The lines added up, by one thing at a time: `level` is `total`, `workspace`, `number`, `channel` or `day`.
-- all workspaces: an operator's figures add them up
create function usage_sums(p_workspace uuid, p_from date, p_to date, p_zone text)
returns table (level text, workspace_id uuid, phone_number text, channel text, day date, figures jsonb)
language sql stable as $$
    select case grouping(l.workspace_id, l.phone_number, l.channel, l.day)
               when 15 then 'total' when 7 then 'workspace' when 11 then 'number' when 13 then 'channel' else 'day' end,
           l.workspace_id, l.phone_number, l.channel, l.day,
           jsonb_build_object(
               'messagesIn', coalesce(sum(l.messages_in), 0), 'messagesOut', coalesce(sum(l.messages_out), 0),
               'delivered', coalesce(sum(l.delivered), 0), 'failed', coalesce(sum(l.failed), 0),
               'deliveredShare', share_text(sum(l.delivered), sum(l.messages_out)),
               'segmentsIn', coalesce(sum(l.segments_in), 0), 'segmentsOut', coalesce(sum(l.segments_out), 0),
               'callsIn', coalesce(sum(l.calls_in), 0), 'callsOut', coalesce(sum(l.calls_out), 0),
               'callSeconds', coalesce(sum(l.call_seconds), 0), 'callMinutes', coalesce(sum(l.call_minutes), 0),
               'numberDays', round(coalesce(sum(l.number_days), 0), 4)::text,
               'cost', jsonb_build_object(
                   'messages', money_text(coalesce(sum(l.cost) filter (where l.channel in ('sms', 'whatsapp')), 0)),
                   'calls', money_text(coalesce(sum(l.cost) filter (where l.channel = 'call'), 0)),
                   'numbers', money_text(coalesce(sum(l.cost) filter (where l.channel = 'rental'), 0)),
                   'total', money_text(coalesce(sum(l.cost), 0)),
                   'estimated', money_text(coalesce(sum(l.cost_estimated), 0)),
                   'estimatedShare', share_text(sum(l.cost_estimated), sum(l.cost)),
                   'unpriced', coalesce(sum(l.unpriced), 0)),
               'revenue', jsonb_build_object(
                   'plan', money_text(coalesce(sum(l.revenue_plan), 0)),
                   'extraNumbers', money_text(coalesce(sum(l.revenue_numbers), 0)),
                   'total', money_text(coalesce(sum(l.revenue_plan + l.revenue_numbers), 0))),
               'margin', money_text(coalesce(sum(l.revenue_plan + l.revenue_numbers - l.cost), 0)))
    from usage_lines(p_workspace, p_from, p_to, p_zone) l
    group by grouping sets ((), (l.workspace_id), (l.phone_number), (l.channel), (l.day))
$$;

-- Numbers that nobody used for thirty days, and what they cost.
create view idle_phone_numbers with (security_invoker = true) as
select n.id as phone_number_id, n.workspace_id, n.phone_number, n.status, u.last_used_at,
       floor(extract(epoch from now() - greatest(u.last_used_at, n.provisioned_at)) / 86400)::integer as idle_days,
       round(n.monthly_cost_cents / 100.0, 2) as monthly_cost
from workspace_phone_numbers n
cross join lateral (
    select max(c.last_message_at) as last_used_at from conversations c
    where c.workspace_id = n.workspace_id and c.business_phone = n.phone_number) u
where n.status <> 'released' and greatest(u.last_used_at, n.provisioned_at) < now() - interval '30 days';
comment on view idle_phone_numbers is 'numbers without a message or call for thirty days, and what each costs in a month, in US dollars';

-- Inbound messages and calls that found their workspace, and those that did not, by day (UTC).
create view inbound_routing with (security_invoker = true) as
select day, sum(routed)::bigint as routed, sum(unrouted)::bigint as unrouted,
       round(100.0 * sum(routed) / sum(routed + unrouted), 2) as success_rate
from (select (created_at at time zone 'UTC')::date as day, count(*) as routed, 0 as unrouted
      from conversation_messages where direction = 'inbound' group by 1
      union all
      select (received_at at time zone 'UTC')::date, 0, count(*) from unrouted_messages group by 1) as counted
group by day;
comment on view inbound_routing is 'per day: inbound messages and calls that found a workspace, those that did not, and the share in percent';

-- What the carrier's list says of calls: prices and durations of ours, and legs that belong to ours. Ours found without a row here
-- stay out: the webhook or the sweep brings them.
-- all workspaces: the carrier's list knows none
create function reconcile_calls(p_rows jsonb) returns integer
language plpgsql as $$
declare
    theirs jsonb;
    ours conversation_messages;
    changed integer := 0;
begin
    for theirs in select * from jsonb_array_elements(p_rows) loop
        select * into ours from conversation_messages
        where external_id = coalesce(theirs ->> 'parent_sid', theirs ->> 'sid') order by created_at limit 1;
        if not found then
            continue;
        elsif theirs ->> 'parent_sid' is not null then
            insert into carrier_charges as k (
                external_id, workspace_id, message_id, kind, phone_number, status, duration, price, occurred_at)
            select theirs ->> 'sid', ours.workspace_id, ours.id, 'leg', c.business_phone, theirs ->> 'status',
                   (theirs ->> 'duration')::integer, (theirs ->> 'price')::numeric, ours.created_at
            from conversations c where c.id = ours.conversation_id
            on conflict (external_id) do update
            set status = excluded.status, duration = excluded.duration, price = coalesce(excluded.price, k.price), updated_at = now()
            where (k.status, k.duration, k.price) is distinct from (excluded.status, excluded.duration, coalesce(excluded.price, k.price));
        elsif call_status_rank(theirs ->> 'status') > call_status_rank(ours.status)
              or (ours.price is null and theirs ->> 'price' is not null)
              or (ours.call_duration is null and theirs ->> 'duration' is not null) then
            perform record_report('call', null, theirs ->> 'sid', theirs - 'sid' - 'parent_sid');
        else
            continue;
        end if;
        changed := changed + 1;
    end loop;
    return changed;
end $$;

-- Texts with which a webhook was answered (confirmations of STOP, START, HELP): the carrier sent and charged them, and no row of
-- ours did. They belong to whoever got the message that they answer.
-- all workspaces: the carrier's list knows none
create function record_reply_charges(p_rows jsonb) returns void
language sql as $$
    insert into carrier_charges as k (
        external_id, workspace_id, message_id, kind, phone_number, status, segments, price, occurred_at)
    select t ->> 'sid', coalesce(answered.workspace_id, n.workspace_id), answered.id, 'reply', t ->> 'from', t ->> 'status',
           (t ->> 'segments')::integer, (t ->> 'price')::numeric, coalesce((t ->> 'created_at')::timestamptz, now())
    from jsonb_array_elements(p_rows) t
    left join lateral (
        select m.id, m.workspace_id from conversation_messages m join conversations c on c.id = m.conversation_id
        where c.business_phone = t ->> 'from' and c.customer_phone = t ->> 'to'
          and m.direction = 'inbound' and m.reply is not null
          and m.created_at <= coalesce((t ->> 'created_at')::timestamptz, now()) + interval '1 minute'
        order by m.created_at desc limit 1) answered on true
    left join workspace_phone_numbers n on n.phone_number = t ->> 'from' and n.status <> 'released'
    where not exists (select 1 from conversation_messages o where o.external_id = t ->> 'sid')
    on conflict (external_id) do update
    set status = excluded.status, segments = excluded.segments, price = coalesce(excluded.price, k.price), updated_at = now()
    where (k.status, k.segments, k.price)
          is distinct from (excluded.status, excluded.segments, coalesce(excluded.price, k.price))
$$;
