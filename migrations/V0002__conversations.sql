-- Contacts, conversations and their messages.

-- The E.164 form of a number as a person typed it, or null. Numbers without a country code are read as North American, since
-- that is where ours are. Extensions and the "(0)" of European habits are dropped; a short code stays as it is.
create function e164(typed text) returns text
language sql immutable parallel safe as $$
    select case
        when international and length(digits) between 7 and 15 then '+' || digits
        when international then null
        when digits like '011%' and length(digits) between 11 and 18 then '+' || substr(digits, 4)
        when digits like '00%' and length(digits) between 10 and 17 then '+' || substr(digits, 3)
        when length(digits) = 10 then '+1' || digits
        when length(digits) between 11 and 15 then '+' || digits
        when length(digits) between 3 and 8 then digits -- as many as the senders of messages may have
    end
    from (select plain ~ '^[^0-9]*\+' as international, regexp_replace(plain, '[^0-9]', '', 'g') as digits
          from (select regexp_replace(
                           regexp_replace(translate(typed, '０１２３４５６７８９＋', '0123456789+'),
                                          '(;|,|\s)*(ext(ension)?\.?|x|#)[\s:=.]*[0-9]*\s*$', '', 'i'),
                           '\(0\)', '', 'g') as plain) as cut) as read
$$;

create table contacts (
    id           uuid primary key default gen_random_uuid(),
    workspace_id uuid not null references workspaces (id),
    first_name   text,
    last_name    text,
    email        text,
    phone        text,
    phone_e164   text generated always as (e164(phone)) stored,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now()
);
create index contacts_phone on contacts (workspace_id, phone_e164);
comment on column contacts.phone is 'as typed; matched by its E.164 form';

create table conversations (
    id               uuid primary key default gen_random_uuid(),
    workspace_id     uuid not null references workspaces (id),
    channel          text not null check (channel in ('sms', 'whatsapp', 'call')),
    status           text not null default 'active' check (status in ('active', 'archived', 'closed', 'spam')),
    phone_number_id  uuid references workspace_phone_numbers (id),
    business_phone   text not null,
    customer_phone   text not null,
    contact_id       uuid references contacts (id) on delete set null,
    subject          text,
    snippet          text,
    is_unread        boolean not null default false,
    unread_count     integer not null default 0,
    message_count    integer not null default 0,
    last_message_at  timestamptz,
    last_outbound_at timestamptz,
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now(),
    unique (workspace_id, business_phone, customer_phone, channel)
);
comment on column conversations.phone_number_id is 'null on the shared platform number';
comment on column conversations.last_outbound_at is 'when the workspace last wrote; on the shared number the latest one gets the reply';
create index conversations_shared_reply on conversations (business_phone, customer_phone, last_outbound_at desc)
    where last_outbound_at is not null;
create index conversations_customer on conversations (workspace_id, customer_phone, last_message_at desc);

create table conversation_messages (
    id                   uuid primary key default gen_random_uuid(),
    workspace_id         uuid not null references workspaces (id),
    conversation_id      uuid not null references conversations (id),
    direction            text not null check (direction in ('inbound', 'outbound')),
    body                 text not null default '',
    sender_phone         text not null,
    recipient_phone      text not null,
    external_id          text,
    status               text not null check (status in (
                             'queued', 'sending', 'sent', 'failed', 'undelivered', 'delivered', 'read', 'received', 'unknown',
                             'ringing', 'in-progress', 'completed', 'busy', 'no-answer', 'canceled')),
    error_code           text,
    error_message        text,
    segments             integer,
    attachments          jsonb not null default '[]',
    reply                text check (reply in ('stop', 'start', 'help')),
    reply_withheld       boolean not null default false,
    connect_phone        text,
    send_after           timestamptz,
    released_at          timestamptz,
    reserved_price       numeric(12, 5),
    call_duration        integer,
    call_recording_url   text,
    call_recording_sid   text,
    call_transcription   text,
    dial_status          text,
    price                numeric(12, 5),
    price_unit           text,
    created_at           timestamptz not null default now(),
    updated_at           timestamptz not null default now(),
    delivered_at         timestamptz
);
comment on column conversation_messages.external_id is 'the carrier''s SID, opaque';
comment on column conversation_messages.reply is 'which keyword answer was given, so that a repeat gets the same';
comment on column conversation_messages.reply_withheld is 'the keyword took effect, but was not answered: too many came';
comment on column conversation_messages.send_after is 'held until then, for the customer''s quiet hours; null: not held';
comment on column conversation_messages.released_at is 'when a held message was taken up to be sent';
comment on column conversation_messages.reserved_price is 'what it was expected to cost, counted until the carrier''s price is known';
comment on column conversation_messages.connect_phone is 'the agent who is rung first in a call that joins two people';
comment on column conversation_messages.call_duration is 'seconds';
comment on column conversation_messages.dial_status is 'how the forwarded leg of an inbound call ended';
-- One message per SID in a workspace; the SID leads, since status callbacks know nothing else.
create unique index conversation_messages_sid on conversation_messages (external_id, workspace_id) where external_id is not null;
create index conversation_messages_thread on conversation_messages (conversation_id, created_at);
create index conversation_messages_workspace on conversation_messages (workspace_id, created_at);
create index conversation_messages_recording on conversation_messages (call_recording_sid) where call_recording_sid is not null;

-- What arrived for a number that nobody has, or on the shared number from somebody to whom nobody wrote.
create table unrouted_messages (
    id              uuid primary key default gen_random_uuid(),
    external_id     text not null,
    channel         text not null,
    sender_phone    text not null,
    recipient_phone text not null,
    body            text not null default '',
    attachments     jsonb not null default '[]',
    reply           text,
    reply_withheld  boolean not null default false,
    segments        integer,
    price           numeric(12, 5),
    received_at     timestamptz not null default now(),
    unique (external_id, recipient_phone)
);
comment on column unrouted_messages.price is 'the carrier charges it all the same; the platform''s to bear';
create index unrouted_messages_received on unrouted_messages (received_at);
