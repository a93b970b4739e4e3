-- Toll fraud and abuse: where nothing goes, how much a workspace may send, what stops it, and what was refused.

-- Destinations that are never messaged or called, whatever ALLOWED_COUNTRIES says: the beginning of a number, `_` for any digit.
create table blocked_prefixes (
    prefix     text primary key check (prefix ~ '^\+[1-9_][0-9_]{0,14}$'),
    kind       text not null check (kind in ('premium', 'satellite', 'high_cost', 'custom')),
    note       text not null,
    created_at timestamptz not null default now()
);
insert into blocked_prefixes (prefix, kind, note) values
    ('+1900', 'premium', 'premium rate'), ('+1___976', 'premium', 'premium rate exchange'),
    ('+1700', 'premium', 'services of single carriers'),
    ('+1600', 'satellite', 'Canada without a place, satellite telephones among them'),
    ('+979', 'premium', 'international premium rate'), ('+808', 'premium', 'international shared cost'),
    ('+870', 'satellite', 'Inmarsat'), ('+878', 'satellite', 'universal personal numbers'),
    ('+881', 'satellite', 'global mobile satellite'), ('+882', 'satellite', 'international networks'),
    ('+883', 'satellite', 'international networks'),
    ('+1242', 'high_cost', 'Bahamas'), ('+1246', 'high_cost', 'Barbados'), ('+1264', 'high_cost', 'Anguilla'),
    ('+1268', 'high_cost', 'Antigua and Barbuda'), ('+1284', 'high_cost', 'British Virgin Islands'),
    ('+1345', 'high_cost', 'Cayman Islands'), ('+1441', 'high_cost', 'Bermuda'), ('+1473', 'high_cost', 'Grenada'),
    ('+1649', 'high_cost', 'Turks and Caicos'), ('+1658', 'high_cost', 'Jamaica'), ('+1664', 'high_cost', 'Montserrat'),
    ('+1721', 'high_cost', 'Sint Maarten'), ('+1758', 'high_cost', 'Saint Lucia'), ('+1767', 'high_cost', 'Dominica'),
    ('+1784', 'high_cost', 'Saint Vincent'), ('+1787', 'high_cost', 'Puerto Rico'), ('+1939', 'high_cost', 'Puerto Rico'),
    ('+1809', 'high_cost', 'Dominican Republic'), ('+1829', 'high_cost', 'Dominican Republic'),
    ('+1849', 'high_cost', 'Dominican Republic'), ('+1868', 'high_cost', 'Trinidad and Tobago'),
    ('+1869', 'high_cost', 'Saint Kitts and Nevis'), ('+1876', 'high_cost', 'Jamaica');

-- Why a number is blocked; null: it is not.
create function blocked_because(p_phone text) returns text
language sql stable as $$
    select b.note || ' (' || b.kind || ', ' || b.prefix || ')' from blocked_prefixes b
    where p_phone like b.prefix || '%'
    order by length(b.prefix) desc limit 1
$$;

-- Changes a workspace's own limits: `{"messages_per_day": 100, "quiet_from": null}`, null for the tier's. Gives what is wrong, or null.
create function set_limits(p_workspace uuid, p_changes jsonb) returns text
language plpgsql as $$
declare
    own workspace_limits;
    unknown text;
begin
    perform act_for(p_workspace);
    if not exists (select 1 from workspaces w where w.id = p_workspace) then
        return 'there is no such workspace';
    end if;
    select k into unknown from jsonb_object_keys(p_changes) k
    where k = 'workspace_id' or k not in (
        select a.attname from pg_attribute a where a.attrelid = 'workspace_limits'::regclass and a.attnum > 0)
    order by k limit 1;
    if found then
        return 'there is no limit called ' || unknown;
    end if;
    if p_changes ->> 'time_zone' is not null
       and not exists (select 1 from pg_timezone_names z where z.name = p_changes ->> 'time_zone') then
        return 'there is no time zone called ' || (p_changes ->> 'time_zone');
    end if;
    select * into own from workspace_limits l where l.workspace_id = p_workspace for update;
    own := jsonb_populate_record(own, p_changes);
    own.workspace_id := p_workspace;
    delete from workspace_limits l where l.workspace_id = p_workspace;
    insert into workspace_limits select (own).*;
    return null;
end $$;

-- What holds for a workspace, for people; null: there is none.
create function show_limits(p_workspace uuid) returns jsonb
language plpgsql as $$
begin
    perform act_for(p_workspace);
    return (select to_jsonb(limits_of(w.id, w.subscription_tier)) from workspaces w where w.id = p_workspace);
end $$;

-- What a send is expected to cost until the carrier says: dollars a segment, a message, a call.
create table send_estimates (
    kind  text primary key check (kind in ('sms', 'mms', 'whatsapp', 'call')),
    price numeric(8, 4) not null check (price >= 0)
);
insert into send_estimates values ('sms', 0.0100), ('mms', 0.0300), ('whatsapp', 0.0200), ('call', 0.0500);

create function send_estimate(p_channel text, p_segments integer, p_attachments jsonb) returns numeric
language sql stable as $$
    select e.price * case when e.kind = 'sms' then greatest(coalesce(p_segments, 1), 1) else 1 end
    from send_estimates e
    where e.kind = case when p_channel = 'sms' and p_attachments <> '[]' then 'mms' else p_channel end
$$;

-- What a workspace has sent in this second, minute and day (UTC). One row, so that its senders follow each other and never pass
-- a limit together.
create table sending_counters (
    workspace_id    uuid primary key references workspaces (id),
    second_at       timestamptz not null default '-infinity',
    second_messages integer not null default 0,
    minute_at       timestamptz not null default '-infinity',
    minute_messages integer not null default 0,
    minute_calls    integer not null default 0,
    day             date not null default '-infinity',
    day_messages    integer not null default 0,
    day_calls       integer not null default 0,
    day_spend       numeric not null default 0
) with (fillfactor = 50);

-- Takes a place for one send, or says why there is none: `rate_limited` or `daily_cap`, and when to come again. The database's
-- clock alone counts, read once the row is ours.
create function reserve_send(
    p_workspace uuid, p_limits tier_limits, p_is_call boolean, p_price numeric,
    out refusal text, out detail text, out retry_after_seconds integer)
language plpgsql as $$
declare
    c sending_counters;
    moment timestamptz;
    today date;
begin
    insert into sending_counters (workspace_id) values (p_workspace) on conflict do nothing;
    select * into c from sending_counters s where s.workspace_id = p_workspace for update;
    moment := clock_timestamp();
    today := (moment at time zone 'UTC')::date;
    if c.second_at < date_trunc('second', moment) then
        c.second_at := date_trunc('second', moment);
        c.second_messages := 0;
    end if;
    if c.minute_at < date_trunc('minute', moment) then
        c.minute_at := date_trunc('minute', moment);
        c.minute_messages := 0;
        c.minute_calls := 0;
    end if;
    if c.day < today then
        c.day := today;
        c.day_messages := 0;
        c.day_calls := 0;
        c.day_spend := 0;
    end if;
    detail := case
        when p_is_call and c.day_calls >= p_limits.calls_per_day then p_limits.calls_per_day || ' calls a day'
        when not p_is_call and c.day_messages >= p_limits.messages_per_day then p_limits.messages_per_day || ' messages a day'
        when (c.day_spend + p_price) * 100 > p_limits.spend_cents_per_day
            then to_char(p_limits.spend_cents_per_day / 100.0, 'FM999999990.00') || ' dollars a day' end;
    if detail is not null then
        refusal := 'daily_cap';
        retry_after_seconds := ceil(extract(epoch from (c.day + 1)::timestamp at time zone 'UTC' - moment));
        return;
    end if;
    if p_is_call and c.minute_calls >= p_limits.calls_per_minute then
        detail := p_limits.calls_per_minute || ' calls a minute';
    elsif not p_is_call and c.minute_messages >= p_limits.messages_per_minute then
        detail := p_limits.messages_per_minute || ' messages a minute';
    end if;
    if detail is not null then
        refusal := 'rate_limited';
        retry_after_seconds := greatest(1, ceil(extract(epoch from c.minute_at + interval '1 minute' - moment)));
        return;
    end if;
    if not p_is_call and c.second_messages >= p_limits.messages_per_second then
        refusal := 'rate_limited';
        detail := p_limits.messages_per_second || ' messages a second';
        retry_after_seconds := 1;
        return;
    end if;
    update sending_counters s
    set second_at = c.second_at, minute_at = c.minute_at, day = c.day,
        second_messages = c.second_messages + (not p_is_call)::integer,
        minute_messages = c.minute_messages + (not p_is_call)::integer,
        minute_calls = c.minute_calls + p_is_call::integer,
        day_messages = c.day_messages + (not p_is_call)::integer,
        day_calls = c.day_calls + p_is_call::integer,
        day_spend = c.day_spend + p_price
    where s.workspace_id = p_workspace;
end $$;

-- What a message counts in the day's spend: the carrier's price, nothing when it did not go, else what it was expected to cost.
create function counted_price(p_message conversation_messages) returns numeric
language sql immutable as $$
    select case
        when (p_message).price is not null then abs((p_message).price)
        when (p_message).status in ('failed', 'busy', 'no-answer', 'canceled') then 0
        else (p_message).reserved_price end
$$;

create function correct_spend() returns trigger
language plpgsql as $$
begin
    update sending_counters s set day_spend = s.day_spend + counted_price(new) - counted_price(old)
    where s.workspace_id = new.workspace_id and s.day = (new.created_at at time zone 'UTC')::date;
    return null;
end $$;
create trigger conversation_messages_correct_spend after update of price, status on conversation_messages
    for each row when (new.reserved_price is not null and (new.price is distinct from old.price or new.status <> old.status))
    execute function correct_spend();

-- What was refused, per workspace and day (UTC), by its code.
create table refusals (
    workspace_id uuid not null references workspaces (id),
    day          date not null,
    code         text not null,
    count        bigint not null default 1,
    last_at      timestamptz not null default now(),
    primary key (workspace_id, day, code)
);

create function count_refusal(p_workspace uuid, p_code text) returns void
language sql as $$
    insert into refusals as r (workspace_id, day, code) values (p_workspace, (now() at time zone 'UTC')::date, p_code)
    on conflict (workspace_id, day, code) do update set count = r.count + 1, last_at = now()
$$;

-- What was refused in the last days.
-- all workspaces: an operator looks at all of them
create function list_refusals(p_days integer) returns table (day text, workspace_id uuid, code text, count bigint)
language sql stable as $$
    select r.day::text, r.workspace_id, r.code, r.count from refusals r
    where r.day >= (now() at time zone 'UTC')::date - p_days
    order by r.day, r.workspace_id, r.code
$$;

-- Do two machines talk to each other here? As many messages both ways as no two people exchange.
create function is_looping(p_conversation uuid, p_limits tier_limits, p_at timestamptz) returns boolean
language sql stable as $$
    select count(*) filter (where direction = 'inbound') >= p_limits.loop_messages
       and count(*) filter (where direction = 'outbound') >= p_limits.loop_messages
    from conversation_messages m
    where m.conversation_id = p_conversation and m.created_at > p_at - make_interval(mins => p_limits.loop_minutes)
$$;

-- May one more keyword of this customer be answered? Those that were not count too: a machine has to fall silent first.
-- all workspaces: on a shared number the message may be nobody's
create function may_confirm(p_workspace uuid, p_business text, p_customer text, p_at timestamptz) returns boolean
language plpgsql stable as $$
declare
    allowed tier_limits;
begin
    if p_workspace is null then
        select * into allowed from tier_limits t where t.subscription_tier = 'starter';
        return (select count(*) from unrouted_messages u
                where u.sender_phone = p_customer and u.recipient_phone = p_business and u.reply is not null
                  and u.received_at > p_at - make_interval(mins => allowed.auto_reply_minutes)) < allowed.auto_replies;
    end if;
    select l.* into allowed from workspaces w, limits_of(w.id, w.subscription_tier) l where w.id = p_workspace;
    return (select count(*) from conversations c join conversation_messages m on m.conversation_id = c.id
            where c.workspace_id = p_workspace and c.business_phone = p_business and c.customer_phone = p_customer
              and m.direction = 'inbound' and m.reply is not null
              and m.created_at > p_at - make_interval(mins => allowed.auto_reply_minutes)) < allowed.auto_replies;
end $$;

-- Operators' list of blocked destinations.
-- all workspaces: the list is everybody's
create function list_blocked_prefixes() returns table (prefix text, kind text, note text)
language sql stable as $$
    select b.prefix, b.kind, b.note from blocked_prefixes b order by b.prefix
$$;

-- all workspaces: the list is everybody's
create function block_prefix(p_prefix text, p_note text) returns void
language sql as $$
    insert into blocked_prefixes (prefix, kind, note) values (p_prefix, 'custom', p_note)
    on conflict (prefix) do update set note = excluded.note
$$;

-- all workspaces: the list is everybody's
create function unblock_prefix(p_prefix text) returns boolean
language plpgsql as $$
begin
    delete from blocked_prefixes b where b.prefix = p_prefix;
    return found;
end $$;
