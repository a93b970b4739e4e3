-- Who may do what: API keys, and the one function that every function of the API asks first.

create table api_keys (
    id           uuid primary key,
    workspace_id uuid references workspaces (id),
    hash         bytea not null unique check (octet_length(hash) = 32),
    prefix       text not null,
    name         text not null check (name <> ''),
    scopes       text[] not null check (scopes <> '{}' and scopes <@ array[
                     'messages:write', 'numbers:read', 'numbers:write', 'conversations:read', 'conversations:write',
                     'usage:read', 'consent:read', 'consent:write', 'keys:write', 'platform:read']),
    created_at   timestamptz not null default now(),
    last_used_at timestamptz,
    revoked_at   timestamptz,
    check (workspace_id is null or not 'platform:read' = any (scopes))
);
comment on column api_keys.workspace_id is 'null: an operator''s key, which works for every workspace';
comment on column api_keys.hash is 'SHA-256 of the key; the key itself is shown once and kept nowhere';
comment on column api_keys.prefix is 'how the key begins, so that people can tell theirs apart';
comment on column api_keys.last_used_at is 'to the minute';
create index api_keys_workspace on api_keys (workspace_id);

-- The key that somebody shows, if it is one and still good.
-- all workspaces: nobody knows whose a key is before it is found
create function find_api_key(p_hash bytea) returns api_keys
language plpgsql as $$
declare
    shown api_keys;
begin
    select * into shown from api_keys where hash = p_hash and revoked_at is null;
    if found and (shown.last_used_at is null or shown.last_used_at < now() - interval '1 minute') then
        -- whoever is writing the same at this moment does it for us: nobody waits for a time stamp
        update api_keys k set last_used_at = now()
        where k.id in (select u.id from api_keys u where u.id = shown.id for update skip locked);
    end if;
    return shown;
end $$;

-- May this caller do this here? Every function of the API asks first, in its own round trip.
--
-- A caller is `p_owner`, the organization of a bearer token whose role has been checked already, or `p_key`, the hash of an API
-- key, whose scopes are checked here. `p_workspace` is null where the whole platform is asked about: operators' keys only.
-- `refusal` is null, or `unauthorized` (no such key), `forbidden` (the scope), `unknown_workspace` (also another's). The scope
-- comes before the workspace, so that a refusal tells nothing about workspaces of others.
create function authorise(
    p_workspace uuid, p_owner text, p_key bytea, p_scope text,
    out refusal text, out tenant workspaces, out actor text)
language plpgsql as $$
declare
    shown api_keys;
begin
    perform act_for(p_workspace);
    if p_key is not null then
        shown := find_api_key(p_key);
        refusal := case
            when shown.id is null then 'unauthorized'
            when not p_scope = any (shown.scopes) then 'forbidden'
            when p_workspace is null and shown.workspace_id is not null then 'forbidden'
            when shown.workspace_id <> p_workspace then 'unknown_workspace' end;
        actor := 'key ' || shown.prefix;
    elsif p_owner is null then
        refusal := 'unauthorized';
    elsif p_workspace is null then
        refusal := 'forbidden';
    else
        actor := p_owner;
    end if;
    if refusal is null and p_workspace is not null then
        select * into tenant from workspaces w
        where w.id = p_workspace and w.is_active and (p_key is not null or w.clerk_organization_id = p_owner);
        if not found then
            refusal := 'unknown_workspace';
        end if;
    end if;
    if refusal is not null then
        tenant := null;
        actor := null;
        perform act_for(null); -- who goes on all the same sees nothing
    end if;
end $$;

-- A new key; `false` when the workspace does not exist. The same call twice makes one key.
-- all workspaces: an operator's key belongs to none
create function create_api_key(
    p_workspace uuid, p_id uuid, p_hash bytea, p_prefix text, p_name text, p_scopes text[]) returns boolean
language plpgsql as $$
begin
    perform act_for(p_workspace);
    if p_workspace is not null and not exists (select 1 from workspaces w where w.id = p_workspace and w.is_active) then
        return false;
    end if;
    insert into api_keys (id, workspace_id, hash, prefix, name, scopes)
    values (p_id, p_workspace, p_hash, p_prefix, p_name, p_scopes)
    on conflict (id) do nothing;
    return true;
end $$;

-- The keys of a workspace; null: every key there is.
-- all workspaces: an operator lists the whole platform's
create function list_api_keys(p_workspace uuid)
returns table (id uuid, workspace_id uuid, prefix text, name text, scopes text[], created_at timestamptz,
               last_used_at timestamptz, revoked_at timestamptz)
language sql stable as $$
    select k.id, k.workspace_id, k.prefix, k.name, k.scopes, k.created_at, k.last_used_at, k.revoked_at
    from api_keys k
    where p_workspace is null or k.workspace_id = p_workspace
    order by k.created_at, k.id
$$;

-- Ends a key at once: of this workspace, or with null of any. `false`: there is none of that id.
-- all workspaces: an operator revokes a leaked key wherever it belongs
create function revoke_api_key(p_workspace uuid, p_id uuid) returns boolean
language plpgsql as $$
begin
    update api_keys k set revoked_at = coalesce(k.revoked_at, now())
    where k.id = p_id and (p_workspace is null or k.workspace_id = p_workspace);
    return found;
end $$;
