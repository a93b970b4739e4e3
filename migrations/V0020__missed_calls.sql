-- Missed calls, and the texts that answer them.

alter table conversation_messages add column answers_call uuid references conversation_messages (id);
comment on column conversation_messages.answers_call is 'the missed call that this text answers';
alter table conversation_messages add column may_text_back boolean not null default false;
comment on column conversation_messages.may_text_back is 'whether a text may go to the caller: the number exists, in one of ALLOWED_COUNTRIES';
create unique index conversation_messages_answers_call on conversation_messages (answers_call) where answers_call is not null;

-- Segments of a text as the carrier counts them, as `domain::segments` does: GSM-7 has 160 characters in one and 153 in each of several,
-- some of its characters take two; UCS-2 has 70 and 67, and some take two. What takes two stands in one segment (FACTS 4).
create function segments_of(p_text text) returns integer
language plpgsql immutable strict parallel safe as $$
declare
    doubles text := '[\f^{}\[\]\\~|€]';
    gsm text := '^[@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&''()*+,./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà\f^{}\[\]\\~|€-]*$';
    is_gsm boolean := p_text collate "C" ~ gsm;
    room integer := case when is_gsm then 153 else 67 end;
    taken integer := 0;
    total integer := 0;
    parts integer := 1;
    letter text;
    width integer;
begin
    foreach letter in array regexp_split_to_array(p_text, '') loop
        continue when letter = '';
        width := case when is_gsm and letter ~ doubles or not is_gsm and ascii(letter) > 65535 then 2 else 1 end;
        total := total + width;
        if taken + width > room then
            parts := parts + 1;
            taken := 0;
        end if;
        taken := taken + width;
    end loop;
    return case when total <= case when is_gsm then 160 else 70 end then 1 else parts end;
end $$;

-- Texts back to whoever called and was not answered, once a call, where the number has a `missed_call_text`. The text is a held
-- message, so the reconciler sends it within minutes, outside the customer's quiet hours. As with any other send: consent, limits, a number
-- that may text, no talk between two machines. Whether a text may go to the caller's country was judged when the call came in.
create function text_missed_call(p_call conversation_messages, p_pause interval) returns void
language plpgsql as $$
declare
    words text;
    own workspace_phone_numbers;
    tenant workspaces;
    allowed tier_limits;
    thread conversations;
    place record;
    pieces integer;
    price numeric;
begin
    select s.missed_call_text into words
    from conversations c join voice_settings s on s.phone_number_id = c.phone_number_id
    where c.id = p_call.conversation_id and s.missed_call_text <> '';
    if not found or not p_call.may_text_back or blocked_because(p_call.sender_phone) is not null
       or exists (select from conversation_messages m where m.answers_call = p_call.id) then
        return;
    end if;
    select n.* into own from conversations c join workspace_phone_numbers n on n.id = c.phone_number_id
    where c.id = p_call.conversation_id and n.status = 'active';
    if not found or exists (select from phone_number_readiness r
                            where r.phone_number_id = own.id and r.messaging_readiness in ('pending', 'failed')) then
        return;
    end if;
    select * into tenant from workspaces w where w.id = p_call.workspace_id;
    allowed := limits_of(tenant.id, tenant.subscription_tier);
    if not tenant.is_active or not allowed.sending_enabled then
        return;
    end if;
    thread := lock_conversation(tenant.id, own.id, own.phone_number, p_call.sender_phone, 'sms');
    perform lock_consent(own.phone_number, p_call.sender_phone);
    pieces := segments_of(words);
    price := send_estimate('sms', pieces, '[]');
    if not is_opted_out(tenant.id, own.phone_number, p_call.sender_phone) and not is_looping(thread.id, allowed, now()) then
        select * into place from reserve_send(tenant.id, allowed, false, price);
        if place.refusal is null then
            insert into conversation_messages (
                id, workspace_id, conversation_id, direction, body, sender_phone, recipient_phone, status, segments, send_after,
                reserved_price, answers_call)
            values (gen_random_uuid(), tenant.id, thread.id, 'outbound', words, own.phone_number, p_call.sender_phone, 'queued',
                    pieces, now() + p_pause, price, p_call.id)
            on conflict do nothing;
            if found then
                update conversations c
                set message_count = c.message_count + 1,
                    status = case when c.status in ('closed', 'archived') then 'active' else c.status end,
                    snippet = left(words, 160),
                    last_message_at = greatest(c.last_message_at, now()),
                    last_outbound_at = greatest(c.last_outbound_at, now()),
                    contact_id = coalesce(c.contact_id, (
                        select k.id from contacts k
                        where k.workspace_id = c.workspace_id and k.phone_e164 = c.customer_phone
                        order by k.created_at, k.id limit 1)),
                    updated_at = now()
                where c.id = thread.id;
                return;
            end if;
        end if;
    end if;
    delete from conversations c where c.id = thread.id and c.message_count = 0;
end $$;

-- An inbound call that ended without anybody: its forwarded leg was not taken, or there was none. The carrier's reports may
-- overtake each other, so a call that was forwarded and has ended waits for the word about its leg.
create function answer_missed_call() returns trigger
language plpgsql as $$
begin
    if new.dial_status in ('completed', 'answered') then
        update conversation_messages m
        set status = 'canceled', send_after = null, error_message = 'somebody answered the call after all', updated_at = now()
        where m.answers_call = new.id and m.status = 'queued' and m.send_after is not null;
    elsif new.dial_status is not null then
        perform text_missed_call(new, interval '0');
    elsif call_status_rank(new.status) = 4 then
        perform text_missed_call(new, case when exists (
            select from conversations c join voice_settings s on s.phone_number_id = c.phone_number_id
            where c.id = new.conversation_id and cardinality(s.forward_to) > 0
              and voice_is_open(s.business_hours, s.time_zone, new.created_at)) then interval '2 minutes' else interval '0' end);
    end if;
    return null;
end $$;
create trigger missed_call after update on conversation_messages for each row
    when (new.direction = 'inbound' and new.status <> 'received'
          and (old.status is distinct from new.status or old.dial_status is distinct from new.dial_status))
    execute function answer_missed_call();
