-- Workspaces (tenants) and the numbers that they rent.

create table workspaces (
    id                    uuid primary key default gen_random_uuid(),
    name                  text not null,
    slug                  text not null unique default gen_random_uuid()::text,
    clerk_organization_id text unique,
    subscription_tier     text not null default 'starter'
                          check (subscription_tier in ('starter', 'professional', 'enterprise')),
    preferred_area_code   text check (preferred_area_code ~ '^[2-9][0-9]{2}$'),
    number_limit          integer check (number_limit >= 0),
    is_active             boolean not null default true,
    event_at              timestamptz,
    tier_at               timestamptz,
    created_at            timestamptz not null default now(),
    updated_at            timestamptz not null default now()
);
comment on column workspaces.clerk_organization_id is 'Clerk organization, or the Clerk user of a personal workspace; what a bearer token is matched with';
comment on column workspaces.number_limit is 'how many numbers it may have; null: what its tier allows';
comment on column workspaces.is_active is 'false once it was deleted: nothing is sent, its numbers are suspended';
comment on column workspaces.tier_at is 'the same of the newest event that stated the plan';
comment on column workspaces.event_at is 'when the newest life-cycle event applied here happened; an older one that arrives later changes nothing';

-- Exactly sixteen columns and four indexes besides the key: operators and the product''s guide rely on them. What else is known
-- of a number stands in tables beside this one.
create table workspace_phone_numbers (
    id                  uuid primary key default gen_random_uuid(),
    workspace_id        uuid not null references workspaces (id),
    phone_number        text not null check (phone_number ~ '^\+[1-9][0-9]{6,14}$'),
    phone_number_sid    text,
    friendly_name       text,
    capabilities        jsonb not null default '{"voice": true, "sms": true}',
    voice_url           text,
    sms_url             text,
    status_callback_url text,
    status              text not null default 'active' check (status in ('active', 'suspended', 'released')),
    number_type         text not null default 'primary' check (number_type in ('primary', 'sales', 'support', 'custom')),
    monthly_cost_cents  integer not null default 100 check (monthly_cost_cents >= 0),
    provisioned_at      timestamptz not null default now(),
    released_at         timestamptz,
    created_at          timestamptz not null default now(),
    updated_at          timestamptz not null default now()
);
create index workspace_phone_numbers_workspace on workspace_phone_numbers (workspace_id);
create unique index workspace_phone_numbers_live_number on workspace_phone_numbers (phone_number) where status <> 'released';
create index workspace_phone_numbers_status on workspace_phone_numbers (status);
create index workspace_phone_numbers_type on workspace_phone_numbers (number_type);

-- Whether the carrier has said that a number cannot do what a channel needs. Its names come in either case (FACTS 2).
create function lacks_capability(n workspace_phone_numbers, p_channel text) returns boolean
language sql immutable as $$
    select case p_channel
        when 'call' then n.capabilities @> '{"voice": false}' or n.capabilities @> '{"VOICE": false}'
        when 'sms' then n.capabilities @> '{"sms": false}' or n.capabilities @> '{"SMS": false}'
        else false end
$$;

-- Whether a number may text in the US: it has to be in an approved 10DLC campaign. No row means that nothing is required.
create table phone_number_readiness (
    phone_number_id     uuid primary key references workspace_phone_numbers (id),
    workspace_id        uuid not null references workspaces (id),
    messaging_readiness text not null default 'pending'
                        check (messaging_readiness in ('not_required', 'pending', 'ready', 'failed')),
    reason              text,
    campaign_order_id   text,
    updated_at          timestamptz not null default now()
);

-- What happens when somebody calls the number.
create table voice_settings (
    phone_number_id  uuid primary key references workspace_phone_numbers (id),
    forward_to       text[] not null default '{}',
    business_hours   jsonb,
    time_zone        text not null default 'America/Chicago',
    greeting         text,
    missed_call_text text,
    updated_at       timestamptz not null default now()
);
comment on column voice_settings.forward_to is 'E.164 numbers that ring at once, ten at most; empty: voicemail answers';
comment on column voice_settings.business_hours is '{"mon": [["09:00", "17:00"]], …}: outside them voicemail answers; ["22:00", "06:00"] ends on the next day; null: always open';

-- Is it open at that moment? A span that does not end after it begins ends on the next day. A zone or a shape that cannot be read
-- counts as open: a call is better forwarded than lost.
create function voice_is_open(hours jsonb, zone text, moment timestamptz) returns boolean
language plpgsql stable as $$
declare
    here timestamp;
begin
    if hours is null or jsonb_typeof(hours) <> 'object' then
        return true;
    end if;
    select jsonb_object_agg(lower(left(d.key, 3)), d.value) into hours from jsonb_each(hours) d; -- people write Monday, too
    here := moment at time zone zone;
    return exists (
        select 1
        from jsonb_array_elements(coalesce(hours -> lower(to_char(here, 'dy')), '[]')) as span
        where span ->> 0 is null or span ->> 1 is null -- no pair of times
           or (here::time >= (span ->> 0)::time
               and (here::time < (span ->> 1)::time or (span ->> 1)::time <= (span ->> 0)::time)))
        or exists (
        select 1
        from jsonb_array_elements(coalesce(hours -> lower(to_char(here - interval '1 day', 'dy')), '[]')) as span
        where (span ->> 1)::time <= (span ->> 0)::time and here::time < (span ->> 1)::time);
exception when others then
    return true;
end $$;

-- What a tier allows when the workspace has no limit of its own.
create function tier_number_limit(tier text) returns integer
language sql immutable parallel safe as $$
    select case tier when 'enterprise' then 10 when 'professional' then 1 else 0 end
$$;

-- What a workspace may do: a row for each tier, and a row with what differs for a workspace.
create table tier_limits (
    subscription_tier     text primary key check (subscription_tier in ('starter', 'professional', 'enterprise')),
    sending_enabled       boolean not null default true,
    messages_per_second   integer not null check (messages_per_second >= 0),
    messages_per_minute   integer not null check (messages_per_minute >= 0),
    messages_per_day      integer not null check (messages_per_day >= 0),
    calls_per_minute      integer not null check (calls_per_minute >= 0),
    calls_per_day         integer not null check (calls_per_day >= 0),
    spend_cents_per_day   integer not null check (spend_cents_per_day >= 0),
    max_price_per_segment numeric(8, 4) not null default 0.0500 check (max_price_per_segment > 0),
    max_price_per_minute  numeric(8, 4) not null default 0.0500 check (max_price_per_minute > 0),
    auto_replies          integer not null default 60 check (auto_replies >= 0),
    auto_reply_minutes    integer not null default 1440 check (auto_reply_minutes > 0),
    loop_messages         integer not null default 200 check (loop_messages > 0),
    loop_minutes          integer not null default 60 check (loop_minutes > 0),
    quiet_from            time,
    quiet_until           time,
    time_zone             text not null default 'America/Chicago'
);
comment on column tier_limits.sending_enabled is 'false: nothing goes out, and calls are not forwarded';
comment on column tier_limits.spend_cents_per_day is 'by the carrier''s prices where they are known, else by send_estimates';
comment on column tier_limits.max_price_per_segment is 'dollars; the carrier is told not to send above it (MaxPrice)';
comment on column tier_limits.max_price_per_minute is 'dollars; the carrier is told not to call above it (MaxPricePerMinute)';
comment on column tier_limits.auto_replies is 'keyword messages that one customer gets an answer to in auto_reply_minutes; more take effect in silence';
comment on column tier_limits.loop_messages is 'when so many messages went both ways in a thread in loop_minutes, two machines talk: no more goes out';
comment on column tier_limits.quiet_from is 'the customer''s clock; null: no quiet hours';
comment on column tier_limits.time_zone is 'for numbers whose own zone is not known';
insert into tier_limits (subscription_tier, messages_per_second, messages_per_minute, messages_per_day,
                         calls_per_minute, calls_per_day, spend_cents_per_day) values
    ('starter', 100, 1000, 5000, 60, 500, 5000),
    ('professional', 500, 6000, 20000, 120, 2000, 25000),
    ('enterprise', 1000, 20000, 100000, 300, 10000, 100000);

create table workspace_limits (
    workspace_id          uuid primary key references workspaces (id),
    sending_enabled       boolean,
    messages_per_second   integer check (messages_per_second >= 0),
    messages_per_minute   integer check (messages_per_minute >= 0),
    messages_per_day      integer check (messages_per_day >= 0),
    calls_per_minute      integer check (calls_per_minute >= 0),
    calls_per_day         integer check (calls_per_day >= 0),
    spend_cents_per_day   integer check (spend_cents_per_day >= 0),
    max_price_per_segment numeric(8, 4) check (max_price_per_segment > 0),
    max_price_per_minute  numeric(8, 4) check (max_price_per_minute > 0),
    auto_replies          integer check (auto_replies >= 0),
    auto_reply_minutes    integer check (auto_reply_minutes > 0),
    loop_messages         integer check (loop_messages > 0),
    loop_minutes          integer check (loop_minutes > 0),
    quiet_from            time,
    quiet_until           time,
    time_zone             text
);
comment on table workspace_limits is 'what differs from the tier''s; null: as the tier';

-- What holds for a workspace.
create function limits_of(p_workspace uuid, p_tier text) returns tier_limits
language sql stable as $$
    select t.subscription_tier,
           coalesce(w.sending_enabled, t.sending_enabled),
           coalesce(w.messages_per_second, t.messages_per_second),
           coalesce(w.messages_per_minute, t.messages_per_minute),
           coalesce(w.messages_per_day, t.messages_per_day),
           coalesce(w.calls_per_minute, t.calls_per_minute),
           coalesce(w.calls_per_day, t.calls_per_day),
           coalesce(w.spend_cents_per_day, t.spend_cents_per_day),
           coalesce(w.max_price_per_segment, t.max_price_per_segment),
           coalesce(w.max_price_per_minute, t.max_price_per_minute),
           coalesce(w.auto_replies, t.auto_replies),
           coalesce(w.auto_reply_minutes, t.auto_reply_minutes),
           coalesce(w.loop_messages, t.loop_messages),
           coalesce(w.loop_minutes, t.loop_minutes),
           coalesce(w.quiet_from, t.quiet_from),
           coalesce(w.quiet_until, t.quiet_until),
           coalesce(w.time_zone, t.time_zone)
    from tier_limits t left join workspace_limits w on w.workspace_id = p_workspace
    where t.subscription_tier = p_tier
$$;

-- Whom a transaction works for. Set inside it and gone with it, so it holds behind a transaction pooler; what belongs to a
-- workspace is seen and written only by who acts for that workspace.
create function act_for(p_workspace uuid) returns text
language sql as $$
    select set_config('ringspace.workspace_id', coalesce(p_workspace::text, ''), true)
$$;
