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
create index opt_out_changes_sender on opt_out_changes (business_phone, customer_phone, changed_at);

create function is_opted_out(workspace uuid, business text, customer text) returns boolean
language sql stable as $$
    select exists (
        select 1 from opt_outs
        where business_phone = business and customer_phone = customer and opted_out
          and (workspace_id is null or workspace_id = workspace))
$$;

-- Keeps a change, and the state that results. Changes may be stored late and out of order: the newest by its own time rules.
create function record_consent(
    p_workspace uuid, p_business text, p_customer text, p_opted_out boolean, p_word text, p_sid text, p_at timestamptz,
    p_actor text default 'customer', p_reason text default null)
returns void language plpgsql as $$
begin
    insert into opt_out_changes (workspace_id, business_phone, customer_phone, opted_out, word, message_sid, actor, reason, changed_at)
    values (p_workspace, p_business, p_customer, p_opted_out, p_word, p_sid, p_actor, p_reason, p_at);
    insert into opt_outs as o (workspace_id, business_phone, customer_phone, opted_out, word, message_sid, changed_at)
    values (p_workspace, p_business, p_customer, p_opted_out, p_word, p_sid, p_at)
    on conflict (business_phone, customer_phone, coalesce(workspace_id, '00000000-0000-0000-0000-000000000000'))
    do update set opted_out = excluded.opted_out, word = excluded.word,
                  message_sid = excluded.message_sid, changed_at = excluded.changed_at
    where excluded.changed_at >= o.changed_at;
end $$;
