-- Who asked not to be messaged, per sender. The state, and beside it every change with its time, word and message.

create table opt_outs (
    workspace_id   uuid references workspaces (id),
    business_phone text not null,
    customer_phone text not null,
    opted_out      boolean not null,
    word           text not null,
    message_sid    text,
    changed_at     timestamptz not null
);
comment on column opt_outs.workspace_id is 'null on a shared number, where the customer''s word binds every workspace that uses it';
create unique index opt_outs_sender on opt_outs (business_phone, customer_phone, coalesce(workspace_id, '00000000-0000-0000-0000-000000000000'));

create table opt_out_changes (
    id             bigint generated always as identity primary key,
    workspace_id   uuid references workspaces (id),
    business_phone text not null,
    customer_phone text not null,
    opted_out      boolean not null,
    word           text not null,
    message_sid    text,
    actor          text not null default 'customer',
    reason         text,
    changed_at     timestamptz not null
);
comment on table opt_out_changes is 'append-only: what was said is never unsaid';
comment on column opt_out_changes.actor is 'customer, carrier, or who changed it by hand';
comment on column opt_out_changes.reason is 'why it was changed by hand';
alter table opt_out_changes add check (actor in ('customer', 'carrier') or coalesce(reason, '') <> '');
create index opt_out_changes_sender on opt_out_changes (business_phone, customer_phone, changed_at);

-- all workspaces: on a shared number the customer's word binds everybody
create function is_opted_out(workspace uuid, business text, customer text) returns boolean
language sql stable as $$
    select exists (
        select 1 from opt_outs
        where business_phone = business and customer_phone = customer and opted_out
          and (workspace_id is null or workspace_id = workspace))
$$;

-- Whether it is known already that the customer opted out of this sender, or has said something since that moment.
-- all workspaces: what is said to a shared number belongs to none
create function is_consent_known(workspace uuid, business text, customer text, moment timestamptz) returns boolean
language sql stable as $$
    select exists (
        select 1 from opt_outs
        where business_phone = business and customer_phone = customer and workspace_id is not distinct from workspace
          and (opted_out or changed_at > moment))
$$;

create function refuse_change() returns trigger
language plpgsql as $$
begin
    raise exception 'the history of consent is append-only' using errcode = 'insufficient_privilege';
end $$;
create trigger opt_out_changes_append_only before update or delete on opt_out_changes
    for each row execute function refuse_change();
create trigger opt_out_changes_never_emptied before truncate on opt_out_changes
    for each statement execute function refuse_change();

-- Consent between a number and a customer is read and written one after the other, in the statements that follow this one: what
-- is sent was allowed when its row was committed, and a STOP that has been stored binds whoever comes next.
create function lock_consent(p_business text, p_customer text) returns void
language sql as $$
    select pg_advisory_xact_lock(hashtextextended(p_business || ' ' || p_customer, 3))
$$;

-- Keeps a change, and the state that results. Changes may be stored late and out of order: the newest by its own time rules.
-- all workspaces: what is said to a shared number belongs to none
create function record_consent(
    p_workspace uuid, p_business text, p_customer text, p_opted_out boolean, p_word text, p_sid text, p_at timestamptz,
    p_actor text default 'customer', p_reason text default null)
returns void language plpgsql as $$
begin
    if p_workspace <> acting_for() then
        raise exception 'consent is recorded for another workspace' using errcode = 'insufficient_privilege';
    end if;
    perform lock_consent(p_business, p_customer);
    insert into opt_out_changes (
        workspace_id, business_phone, customer_phone, opted_out, word, message_sid, actor, reason, changed_at)
    values (p_workspace, p_business, p_customer, p_opted_out, p_word, p_sid, p_actor, p_reason, p_at);
    insert into opt_outs as o (workspace_id, business_phone, customer_phone, opted_out, word, message_sid, changed_at)
    values (p_workspace, p_business, p_customer, p_opted_out, p_word, p_sid, p_at)
    on conflict (business_phone, customer_phone, coalesce(workspace_id, '00000000-0000-0000-0000-000000000000'))
    do update set opted_out = excluded.opted_out, word = excluded.word,
                  message_sid = excluded.message_sid, changed_at = excluded.changed_at
    where excluded.changed_at >= o.changed_at;
end $$;

-- Waits, but not for long, until what was on its way to the carrier when a STOP came has been answered, so that nothing is sent
-- after the STOP is acknowledged. Called under the lock: nothing new gets on its way meanwhile.
-- all workspaces: on a shared number the customer's word binds everybody
create function await_sends_under_way(p_business text, p_customer text) returns void
language plpgsql as $$
declare
    patience_ends timestamptz := clock_timestamp()
        + coalesce(nullif(current_setting('ringspace.stop_patience', true), ''), '800 ms')::interval;
begin
    while clock_timestamp() < patience_ends and exists (
        select 1 from conversation_messages m join conversations c on c.id = m.conversation_id
        where m.status = 'queued' and m.direction = 'outbound' and m.external_id is null and m.send_after is null
          and greatest(m.created_at, m.released_at, m.offered_at) > clock_timestamp() - interval '15 seconds'
          and m.created_at > clock_timestamp() - interval '5 days'
          and m.sender_phone = p_business and m.recipient_phone = p_customer and c.channel <> 'call') loop
        perform pg_sleep(0.01);
    end loop;
end $$;

-- A change by hand: of a workspace's customer, or with null on a shared number. Gives what is wrong, or null.
-- all workspaces: an operator keeps what was said to a shared number
create function change_consent(
    p_workspace uuid, p_business text, p_customer text, p_opted_out boolean, p_actor text, p_reason text, p_at timestamptz)
returns text language plpgsql as $$
begin
    perform act_for(p_workspace);
    if coalesce(trim(p_reason), '') = '' then
        return 'a change by hand needs a reason';
    elsif coalesce(trim(p_actor), '') in ('', 'customer', 'carrier') then
        return 'a change by hand needs the name of who makes it';
    elsif p_workspace is not null and not exists (
        select 1 from workspace_phone_numbers n where n.workspace_id = p_workspace and n.phone_number = p_business) then
        return 'the workspace has no such number';
    elsif p_workspace is null and exists (
        select 1 from workspace_phone_numbers n where n.phone_number = p_business and n.status <> 'released') then
        return 'this number belongs to a workspace: name it';
    end if;
    perform record_consent(p_workspace, p_business, p_customer, p_opted_out, 'MANUAL', null, p_at, trim(p_actor), trim(p_reason));
    if p_opted_out then
        perform await_sends_under_way(p_business, p_customer);
    end if;
    return null;
end $$;

-- The history of a workspace's numbers, or with null of the shared ones.
-- all workspaces: an operator reads what was said to a shared number
create function consent_history(p_workspace uuid)
returns table (changed_at timestamptz, business_phone text, customer_phone text, opted_out boolean, word text,
               message_sid text, actor text, reason text)
language plpgsql as $$
begin
    perform act_for(p_workspace);
    return query
        select h.changed_at, h.business_phone, h.customer_phone, h.opted_out, h.word, h.message_sid, h.actor, h.reason
        from opt_out_changes h
        where h.workspace_id is not distinct from p_workspace
        order by h.changed_at, h.id;
end $$;
