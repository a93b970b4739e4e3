-- The workspace API: contacts.

create function contact_view(k contacts) returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'id', k.id, 'firstName', k.first_name, 'lastName', k.last_name, 'email', k.email, 'phone', k.phone,
        'phoneE164', k.phone_e164, 'createdAt', api_time(k.created_at), 'updatedAt', api_time(k.updated_at))
$$;

-- The conversations of a contact's number follow it: those that nobody is linked to, and those that were linked by the number
-- it had before.
create function link_conversations(k contacts, p_old_phone text) returns void
language sql as $$
    update conversations c set contact_id = null, updated_at = now()
    where c.workspace_id = k.workspace_id and c.contact_id = k.id
      and c.customer_phone = p_old_phone and p_old_phone is distinct from k.phone_e164;
    update conversations c set contact_id = k.id, updated_at = now()
    where c.workspace_id = k.workspace_id and c.customer_phone = k.phone_e164 and c.contact_id is null
$$;

create function api_list_contacts(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    views jsonb[];
    keys jsonb[];
    after_at timestamptz := (p #>> '{after,0}')::timestamptz;
    after_id uuid := (p #>> '{after,1}')::uuid;
    most integer := (p ->> 'limit')::integer;
    pattern text := api_pattern(nullif(trim(p ->> 'q'), ''));
    digits text := api_pattern(nullif(regexp_replace(p ->> 'q', '[^0-9]', '', 'g'), ''));
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    if length(digits) < 5 then
        digits := null;
    end if;
    select array_agg(contact_view(page.k) order by (page.k).created_at desc, (page.k).id desc),
           array_agg(jsonb_build_array(api_time((page.k).created_at), (page.k).id) order by (page.k).created_at desc, (page.k).id desc)
    into views, keys
    from (
        select k from contacts k
        where k.workspace_id = p_workspace
          and (after_at is null or (k.created_at, k.id) < (after_at, after_id))
          and (pattern is null or contact_name(k) ilike pattern or k.email ilike pattern or k.phone_e164 like digits)
        order by k.created_at desc, k.id desc
        limit most + 1) as page;
    return api_page(views, keys, most);
end $$;

create function api_get_contact(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    known contacts;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    select * into known from contacts k where k.id = (p ->> 'contactId')::uuid and k.workspace_id = p_workspace;
    if not found then
        return api_refused('not_found');
    end if;
    return api_done(contact_view(known));
end $$;

-- Creates (`newId`) or updates (`contactId`). One contact has a number.
create function api_save_contact(p_workspace uuid, p_owner text, p_key bytea, p_scope text, p jsonb) returns jsonb
language plpgsql as $$
declare
    permit record;
    known contacts;
    other uuid;
    wanted uuid := coalesce(p ->> 'contactId', p ->> 'newId')::uuid;
    old_phone text;
begin
    select * into permit from authorise(p_workspace, p_owner, p_key, p_scope);
    if permit.refusal is not null then
        return api_refused(permit.refusal);
    end if;
    if p ->> 'phone' is not null then
        if e164(p ->> 'phone') is null then
            return api_refused('bad_request', '`phone` is not a phone number', '{"field": "phone"}');
        end if;
        perform pg_advisory_xact_lock(hashtextextended(p_workspace::text || e164(p ->> 'phone'), 5));
        select k.id into other from contacts k
        where k.workspace_id = p_workspace and k.phone_e164 = e164(p ->> 'phone') and k.id <> wanted
        order by k.created_at, k.id limit 1;
        if found then
            return api_refused('contact_exists', null, jsonb_build_object('contactId', other));
        end if;
    end if;
    select * into known from contacts k where k.id = wanted and k.workspace_id = p_workspace for update;
    old_phone := known.phone_e164;
    if found then
        update contacts k
        set first_name = case when p ? 'firstName' then p ->> 'firstName' else k.first_name end,
            last_name = case when p ? 'lastName' then p ->> 'lastName' else k.last_name end,
            email = case when p ? 'email' then p ->> 'email' else k.email end,
            phone = case when p ? 'phone' then p ->> 'phone' else k.phone end,
            updated_at = now()
        where k.id = wanted returning * into known;
    elsif p ? 'newId' then
        insert into contacts (id, workspace_id, first_name, last_name, email, phone)
        values (wanted, p_workspace, p ->> 'firstName', p ->> 'lastName', p ->> 'email', p ->> 'phone')
        returning * into known;
    else
        return api_refused('not_found');
    end if;
    perform link_conversations(known, old_phone);
    return api_done(contact_view(known));
end $$;
