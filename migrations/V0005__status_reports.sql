-- Status callbacks: messages, calls, recordings, transcriptions.

-- The order of message statuses: the row holds the highest that was ever reported, so reports may come in any order.
create function message_status_rank(status text) returns integer
language sql immutable parallel safe as $$
    select case status
        when 'queued' then 1 when 'sending' then 2 when 'sent' then 3 when 'failed' then 4
        when 'undelivered' then 5 when 'delivered' then 6 when 'read' then 7 else 0 end
$$;

-- Calls: all ends rank alike, and the first one stays.
create function call_status_rank(status text) returns integer
language sql immutable parallel safe as $$
    select case status
        when 'queued' then 1 when 'ringing' then 2 when 'in-progress' then 3
        when 'completed' then 4 when 'busy' then 4 when 'no-answer' then 4 when 'failed' then 4 when 'canceled' then 4
        else 0 end
$$;

-- Every report that was ever made, once.
create table status_reports (
    id            bigint generated always as identity primary key,
    workspace_id  uuid not null references workspaces (id),
    message_id    uuid not null references conversation_messages (id),
    external_id   text not null,
    status        text not null,
    error_code    text,
    sequence      integer,
    reported_at   timestamptz,
    received_at   timestamptz not null default now()
);
create unique index status_reports_once on status_reports
    (message_id, status, coalesce(error_code, ''), coalesce(sequence, -1), external_id);

-- Reports on SIDs that nobody knows (yet).
create table parked_reports (
    id           uuid primary key default gen_random_uuid(),
    kind         text not null check (kind in ('message', 'call', 'dial', 'recording', 'transcription')),
    external_id  text not null,
    report       jsonb not null,
    workspace_id uuid references workspaces (id),
    received_at  timestamptz not null default now(),
    adopted_at   timestamptz
);
comment on column parked_reports.workspace_id is 'whose it turned out to be';
create unique index parked_reports_once on parked_reports (external_id, kind, md5(report::text)) where adopted_at is null;

-- Whose message a report is about: by our id, else by the SID, else by its recording.
-- all workspaces: a callback names no workspace
create function message_workspace(p_id uuid, p_sid text, p_recording_sid text) returns uuid
language plpgsql stable as $$
declare
    named uuid;
    tenant uuid;
    sid text;
begin
    if p_id is not null then
        select m.workspace_id, m.external_id into named, sid from conversation_messages m where m.id = p_id;
        if found and (sid is null or p_sid is null or sid = p_sid) then
            return named;
        end if;
    end if;
    select m.workspace_id into tenant from conversation_messages m where m.external_id = p_sid
    order by (m.workspace_id = named) desc nulls last, m.created_at limit 1;
    if tenant is null and p_recording_sid is not null then
        select m.workspace_id into tenant from conversation_messages m where m.call_recording_sid = p_recording_sid limit 1;
    end if;
    return tenant;
end $$;

-- The message that a report is about, its row locked: by our id, when the callback's URL carries it and the SID does not
-- contradict, else by the SID.
create function find_reported(p_id uuid, p_sid text) returns conversation_messages
language plpgsql as $$
declare
    found_row conversation_messages;
    tenant uuid;
begin
    if p_id is not null then
        select * into found_row from conversation_messages where id = p_id for update;
        tenant := found_row.workspace_id;
        if found_row.external_id = p_sid then
            return found_row;
        elsif found and found_row.external_id is null and not exists (
            select 1 from conversation_messages where external_id = p_sid and workspace_id = tenant) then
            update conversation_messages set external_id = p_sid where id = p_id;
            perform adopt_reports(p_sid);
            select * into found_row from conversation_messages where id = p_id;
            return found_row;
        end if; -- else the SID is another row's, or the row another SID's: the SID decides
    end if;
    select * into found_row from conversation_messages where external_id = p_sid
    order by (workspace_id = tenant) desc nulls last, created_at limit 1 for update;
    return found_row;
end $$;

-- What a code of the carrier says beyond "not delivered", whichever way it came. A customer who is blocked there counts as opted out
-- of that sender, as of the message that met the block: what they said since then rules. A number in no active campaign may not text.
create function apply_carrier_code(p_message conversation_messages, p_code text) returns void
language plpgsql as $$
declare
    own uuid;
    consent_owner uuid;
begin
    if (p_message).direction <> 'outbound'
       or (select c.channel from conversations c where c.id = (p_message).conversation_id) = 'call' then
        return;
    end if;
    select n.id into own from workspace_phone_numbers n
    where n.phone_number = (p_message).sender_phone and n.workspace_id = (p_message).workspace_id
    order by n.status = 'released', n.provisioned_at desc limit 1;
    if p_code in ('21610', '30004', 'message_blocked_by_number', 'message_blocked_by_carrier') then
        consent_owner := case when own is not null then (p_message).workspace_id end;
        if not is_consent_known(consent_owner, (p_message).sender_phone, (p_message).recipient_phone, (p_message).created_at) then
            perform record_consent(consent_owner, (p_message).sender_phone, (p_message).recipient_phone, true, p_code,
                (p_message).external_id, (p_message).created_at, 'carrier', 'the carrier blocks messages to this customer');
        end if;
    elsif p_code in ('21717', 'inactive_campaign', 'associated_campaign_inactive') then
        insert into phone_number_readiness as r (phone_number_id, workspace_id, messaging_readiness, reason)
        select n.id, n.workspace_id, 'failed', 'the carrier refused a message: the number is in no active messaging campaign (21717)'
        from workspace_phone_numbers n where n.id = own and n.status <> 'released'
        on conflict (phone_number_id) do update
        set messaging_readiness = 'failed', reason = excluded.reason, campaign_order_id = null, updated_at = now()
        where r.updated_at <= (p_message).created_at; -- what was found out since then is newer
    end if;
end $$;

create function apply_message_status(p_message conversation_messages, p_sid text, p_report jsonb)
returns void language plpgsql as $$
declare
    reported text := p_report ->> 'status';
    code text := p_report ->> 'error_code';
    old_rank integer := message_status_rank((p_message).status);
    new_rank integer := message_status_rank(reported);
    is_news boolean;
begin
    insert into status_reports (workspace_id, message_id, external_id, status, error_code, sequence, reported_at)
    values ((p_message).workspace_id, (p_message).id, p_sid, reported, code,
            (p_report ->> 'sequence')::integer, (p_report ->> 'reported_at')::timestamptz)
    on conflict do nothing;
    is_news := found;
    if (p_message).direction = 'inbound' then
        return; -- the carrier also reports on what it received; the row is final from the start
    end if;
    update conversation_messages m
    set status = case when new_rank > old_rank then reported else m.status end,
        error_code = case when new_rank > old_rank then code
                          when new_rank = old_rank then coalesce(least(m.error_code, code), m.error_code, code)
                          else m.error_code end,
        segments = greatest(m.segments, (p_report ->> 'segments')::integer), -- the same whatever comes first
        price = coalesce((p_report ->> 'price')::numeric, m.price),
        delivered_at = case when reported in ('delivered', 'read') then coalesce(m.delivered_at, now()) else m.delivered_at end,
        updated_at = now()
    where m.id = (p_message).id
      and (new_rank > old_rank
           or (new_rank = old_rank and new_rank > 0
               and (coalesce(code, m.error_code) is distinct from m.error_code
                    or code < m.error_code))
           or m.segments is distinct from greatest(m.segments, (p_report ->> 'segments')::integer)
           or m.price is distinct from coalesce((p_report ->> 'price')::numeric, m.price)
           or (reported = 'delivered' and m.delivered_at is null));
    if is_news and code is not null then
        perform apply_carrier_code(p_message, code);
    end if;
end $$;

create function apply_call_status(p_message conversation_messages, p_sid text, p_report jsonb)
returns void language plpgsql as $$
declare
    reported text := p_report ->> 'status';
    old_rank integer := call_status_rank((p_message).status);
    new_rank integer := call_status_rank(reported);
begin
    insert into status_reports (workspace_id, message_id, external_id, status, error_code, sequence, reported_at)
    values ((p_message).workspace_id, (p_message).id, p_sid, reported, p_report ->> 'error_code',
            (p_report ->> 'sequence')::integer, (p_report ->> 'reported_at')::timestamptz)
    on conflict do nothing;
    update conversation_messages m
    set status = case when new_rank > old_rank then reported else m.status end,
        call_duration = coalesce(m.call_duration, (p_report ->> 'duration')::integer),
        price = coalesce((p_report ->> 'price')::numeric, m.price),
        updated_at = now()
    where m.id = (p_message).id
      and (new_rank > old_rank
           or (m.call_duration is null and p_report ->> 'duration' is not null)
           or m.price is distinct from coalesce((p_report ->> 'price')::numeric, m.price));
end $$;

-- What retention has forgotten (V0013) stays so: callbacks carry no time, and may be sent again after years.
alter table conversation_messages
    add column call_transcription_sid text,
    add column recording_redacted_at timestamptz;
comment on column conversation_messages.call_transcription_sid is 'the carrier''s own, to have it deleted there';
comment on column conversation_messages.recording_redacted_at is 'since when neither we nor the carrier have its recording';

create function apply_recording(p_message conversation_messages, p_report jsonb)
returns void language sql as $$
    update conversation_messages m
    set call_recording_url = coalesce(m.call_recording_url, p_report ->> 'url'),
        call_recording_sid = coalesce(m.call_recording_sid, p_report ->> 'recording_sid'),
        updated_at = now()
    where m.id = (p_message).id and m.recording_redacted_at is null
      and p_report ->> 'status' = 'completed'
      and (m.call_recording_url is null or m.call_recording_sid is null and p_report ->> 'recording_sid' is not null)
$$;

create function apply_transcription(p_message conversation_messages, p_report jsonb)
returns void language sql as $$
    update conversation_messages m
    set call_transcription = p_report ->> 'text',
        call_transcription_sid = p_report ->> 'transcription_sid',
        updated_at = now()
    where m.id = (p_message).id and m.call_transcription is null and m.recording_redacted_at is null
      and p_report ->> 'status' = 'completed' and p_report ->> 'text' <> '';
    update conversations c
    set snippet = left(p_report ->> 'text', 160)
    where c.id = (p_message).conversation_id and c.channel = 'call' and (p_message).recording_redacted_at is null
      and p_report ->> 'status' = 'completed' and p_report ->> 'text' <> ''
      and c.last_message_at <= (p_message).created_at
$$;

create function apply_dial(p_message conversation_messages, p_report jsonb)
returns void language sql as $$
    update conversation_messages m
    set dial_status = p_report ->> 'status', updated_at = now()
    where m.id = (p_message).id and m.dial_status is null
$$;

create function apply_report(p_kind text, p_message conversation_messages, p_sid text, p_report jsonb)
returns void language plpgsql as $$
begin
    case p_kind
        when 'message' then perform apply_message_status(p_message, p_sid, p_report);
        when 'call' then perform apply_call_status(p_message, p_sid, p_report);
        when 'dial' then perform apply_dial(p_message, p_report);
        when 'recording' then perform apply_recording(p_message, p_report);
        when 'transcription' then perform apply_transcription(p_message, p_report);
    end case;
end $$;

-- One callback. The SID is locked, so that it cannot be parked while the row that it is about is being written.
create function record_report(p_kind text, p_id uuid, p_sid text, p_report jsonb) returns text
language plpgsql as $$
declare
    message conversation_messages;
begin
    perform pg_advisory_xact_lock(hashtextextended(p_sid, 1));
    perform act_for(message_workspace(p_id, p_sid, case when p_kind = 'transcription' then p_report ->> 'recording_sid' end));
    message := find_reported(p_id, p_sid);
    if (message).id is null and p_kind = 'transcription' and p_report ->> 'recording_sid' is not null then
        select * into message from conversation_messages
        where call_recording_sid = p_report ->> 'recording_sid' limit 1 for update;
    end if;
    if (message).id is null then
        insert into parked_reports (kind, external_id, report) values (p_kind, p_sid, p_report) on conflict do nothing;
        return 'parked';
    end if;
    perform apply_report(p_kind, message, p_sid, p_report);
    if p_kind = 'recording' then
        perform adopt_transcriptions((message).id, p_report ->> 'recording_sid');
    end if;
    return 'recorded';
end $$;

-- Transcriptions that came before anybody knew whose recording it is: they name nothing else.
create function adopt_transcriptions(p_message uuid, p_recording_sid text) returns void
language plpgsql as $$
declare
    parked parked_reports;
    message conversation_messages;
begin
    perform pg_advisory_xact_lock(hashtextextended(p_recording_sid, 1));
    for parked in
        update parked_reports set adopted_at = now(), workspace_id = acting_for()
        where external_id = p_recording_sid and kind = 'transcription' and adopted_at is null returning *
    loop
        select * into message from conversation_messages where id = p_message for update;
        perform apply_transcription(message, parked.report);
    end loop;
end $$;

-- Reports that came before their row: called by whatever gives a row its SID, in that transaction. In the order of their arrival,
-- since of a call's ends the first one stays.
create function adopt_reports(p_sid text) returns void
language plpgsql as $$
declare
    parked parked_reports;
    message conversation_messages;
begin
    perform pg_advisory_xact_lock(hashtextextended(p_sid, 1));
    for parked in
        with adopted as (
            update parked_reports set adopted_at = now(), workspace_id = acting_for() where external_id = p_sid and adopted_at is null returning *)
        select * from adopted order by received_at, id
    loop
        message := find_reported(null, p_sid);
        perform apply_report(parked.kind, message, p_sid, parked.report);
        if parked.kind = 'recording' then
            perform adopt_transcriptions((message).id, parked.report ->> 'recording_sid');
        end if;
    end loop;
end $$;
