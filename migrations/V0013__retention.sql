-- Retention: what a workspace does not want kept for ever is redacted here and at the carrier, by the reconciler's nightly run.

create table retention_settings (
    workspace_id   uuid primary key references workspaces (id),
    body_days      integer check (body_days between 3 and 3650),
    recording_days integer check (recording_days between 3 and 3650),
    updated_at     timestamptz not null default now()
);
comment on table retention_settings is 'how long a workspace keeps what was said; no row or null: for ever';
comment on column retention_settings.body_days is 'texts and attachments; at least the two days in which the reconciler compares messages, and one more';
comment on column retention_settings.recording_days is 'voice messages and their transcriptions';

alter table conversation_messages
    add column body_redacted_at timestamptz,
    add column redaction_tried_at timestamptz;
comment on column conversation_messages.body_redacted_at is 'since when neither we nor the carrier have its text';
comment on column conversation_messages.redaction_tried_at is 'when the carrier was last asked to forget it';
create index conversation_messages_kept on conversation_messages (workspace_id, created_at) where body_redacted_at is null;

-- Changes how long a workspace keeps what was said; null: for ever. Gives what is wrong, or null.
create function set_retention(p_workspace uuid, p_body_days integer, p_recording_days integer) returns text
language plpgsql as $$
begin
    perform act_for(p_workspace);
    if not exists (select 1 from workspaces w where w.id = p_workspace) then
        return 'there is no such workspace';
    end if;
    if p_body_days not between 3 and 3650 or p_recording_days not between 3 and 3650 then
        return 'days are from 3 to 3650';
    end if;
    insert into retention_settings as r (workspace_id, body_days, recording_days)
    values (p_workspace, p_body_days, p_recording_days)
    on conflict (workspace_id) do update
        set body_days = excluded.body_days, recording_days = excluded.recording_days, updated_at = now();
    return null;
end $$;

-- What a workspace's setting says; no row: there is no such workspace.
create function show_retention(p_workspace uuid) returns table (body_days integer, recording_days integer)
language plpgsql as $$
begin
    perform act_for(p_workspace);
    return query select r.body_days, r.recording_days
    from workspaces w left join retention_settings r on r.workspace_id = w.id where w.id = p_workspace;
end $$;

-- Any of the callbacks on its recording may have been lost.
create function is_recorded(m conversation_messages) returns boolean
language sql stable as $$
    select num_nonnulls(m.call_recording_url, m.call_recording_sid, m.call_transcription, m.call_transcription_sid) > 0
$$;

-- Takes some messages and calls whose time is over. What the carrier would not forget is asked about once a night.
-- all workspaces: the nightly run serves all of them
create function claim_redactions(p_limit integer)
returns table (id uuid, workspace_id uuid, channel text, external_id text, has_media boolean, recording_sid text,
               of_body boolean, of_recording boolean, transcription_sid text)
language sql as $$
    update conversation_messages m set redaction_tried_at = now()
    from (
        select d.id, c.channel,
               d.body_redacted_at is null and d.created_at < now() - make_interval(days => r.body_days) as of_body,
               d.recording_redacted_at is null and is_recorded(d)
                   and d.created_at < now() - make_interval(days => r.recording_days) as of_recording
        from retention_settings r
        join conversation_messages d on d.workspace_id = r.workspace_id
            and (d.body_redacted_at is null and d.created_at < now() - make_interval(days => r.body_days)
                 or d.recording_redacted_at is null and is_recorded(d)
                    and d.created_at < now() - make_interval(days => r.recording_days))
        join conversations c on c.id = d.conversation_id
        where d.redaction_tried_at is null or d.redaction_tried_at < now() - interval '12 hours'
        order by d.created_at
        limit p_limit
        for update of d skip locked
    ) as due
    where m.id = due.id
    returning m.id, m.workspace_id, due.channel, m.external_id, m.attachments <> '[]', m.call_recording_sid,
              coalesce(due.of_body, false), coalesce(due.of_recording, false), m.call_transcription_sid
$$;

-- Redacts a message here, whatever the carrier said; it comes again until the carrier has forgotten it too.
create function finish_redaction(
    p_workspace uuid, p_id uuid, p_of_body boolean, p_of_recording boolean, p_is_forgotten boolean) returns void
language plpgsql as $$
declare
    message conversation_messages;
begin
    perform act_for(p_workspace);
    select * into message from conversation_messages m
    where m.id = p_id and m.workspace_id = p_workspace for update;
    if p_of_body then
        update conversations c set snippet = null
        where c.id = message.conversation_id and c.workspace_id = p_workspace
          and (c.snippet = left(message.body, 160) or c.last_message_at <= message.created_at);
        update idempotency_keys k set answer = k.answer #- '{body,body}'
        where k.workspace_id = p_workspace and k.message_id = p_id and k.answer is not null;
        update conversation_messages m
        set body = '', attachments = case when p_is_forgotten then '[]' else m.attachments end,
            body_redacted_at = case when p_is_forgotten then now() end, updated_at = now()
        where m.id = p_id and m.workspace_id = p_workspace;
    end if;
    if p_of_recording then
        update conversations c set snippet = null
        where c.id = message.conversation_id and c.workspace_id = p_workspace
          and c.snippet = left(message.call_transcription, 160);
        update parked_reports p set report = p.report - 'text'
        where p.workspace_id = p_workspace and p.kind = 'transcription'
          and p.external_id in (message.external_id, message.call_recording_sid);
        update conversation_messages m
        set call_transcription = null,
            call_recording_url = case when not p_is_forgotten then m.call_recording_url end,
            call_recording_sid = case when not p_is_forgotten then m.call_recording_sid end,
            call_transcription_sid = case when not p_is_forgotten then m.call_transcription_sid end,
            recording_redacted_at = case when p_is_forgotten then now() end, updated_at = now()
        where m.id = p_id and m.workspace_id = p_workspace;
    end if;
end $$;
