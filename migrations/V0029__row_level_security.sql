-- Who may see and do what: row-level security, enabled and forced, and the roles. Runs after everything that makes tables.
--
-- Roles, none of which may log in, own a table or pass row-level security by:
--   ringspace_tenant    as which functions work for one workspace: it sees the rows of the workspace that `act_for` named in this
--                       transaction, and none before
--   ringspace_system    as which the few functions work that look across workspaces: routing, sweeps
--   ringspace_operator  reads everything; people query through it
--   ringspace_webhooks, ringspace_api, ringspace_worker
--                       may execute the functions that the Lambda functions of that kind call, and reach no table; a login is made a
--                       member of the one that it needs
-- A function works as ringspace_tenant or ringspace_system whoever calls it (SECURITY DEFINER), so the promise holds for a login of
-- those roles as for the schema's owner, also where the owner passes row-level security by, as a superuser or Neon's owner does.
--
-- What a new table needs: a column `workspace_id`; `secure_schema` does the rest. One that belongs to no workspace is out of reach
-- of ringspace_tenant until it is granted, and the tests ask for a line that says so.
-- What a new function needs: nothing, if only other functions here call it: it works as its caller. If a statement of the store calls
-- it, a row in `function_access`; it takes `p_workspace` and begins with `perform act_for(p_workspace);`, or it looks across
-- workspaces, and the row says why.
-- A later migration that replaces a function begins with `call open_functions();`, and one that makes or replaces anything ends with
-- `call secure_schema();`. Row-level security binds the owner, so a migration that changes rows of all workspaces first says
-- `alter table … no force row level security;`, which `secure_schema` takes back.

-- The workspace that this transaction works for; null when it has not said.
create function acting_for() returns uuid
language sql stable parallel safe as $$
    select nullif(current_setting('ringspace.workspace_id', true), '')::uuid
$$;

create table function_access (
    name     text primary key,
    works_as text not null check (works_as in ('tenant', 'system')),
    callers  text[] not null check (callers <@ array['webhooks', 'api', 'worker', 'owner']),
    why      text,
    check (works_as = 'tenant' or why <> '')
);
comment on table function_access is 'the functions that work as a role of their own, and who may call them; all others work as their caller';
comment on column function_access.callers is 'the schema''s owner may call whatever others may; `owner` alone: operators'' own commands';
comment on column function_access.why is 'why it looks across workspaces';

insert into function_access (name, works_as, callers, why) values
    -- webhooks, and what comes again through the spool and the reconciler
    ('record_inbound_message', 'tenant', '{webhooks, worker}', null),
    ('record_inbound_call',    'tenant', '{webhooks, worker}', null),
    ('record_dial_result',     'tenant', '{webhooks, worker}', null),
    ('find_call_script',       'tenant', '{webhooks}', null),
    ('record_report',          'tenant', '{webhooks, worker}', null),
    ('record_readiness',       'tenant', '{webhooks, worker}', null),
    -- the API
    ('begin_outbound',         'tenant', '{api}', null),
    ('begin_resend',           'tenant', '{api}', null),
    ('finish_outbound',        'tenant', '{api}', null),
    ('may_still_send',         'tenant', '{api, worker}', null),
    ('api_platform_usage',     'system', '{api}', 'operators'' keys see them all'),
    ('api_platform_workspaces', 'system', '{api}', 'operators'' keys see them all'),
    -- operators' commands
    ('list_refusals',          'system', '{owner}', 'an operator looks at all of them'),
    ('create_api_key',         'system', '{owner}', 'an operator''s key belongs to no workspace'),
    ('list_api_keys',          'system', '{owner}', 'an operator lists the whole platform''s'),
    ('revoke_api_key',         'system', '{owner}', 'an operator revokes a leaked key wherever it belongs'),
    ('set_retention',          'tenant', '{owner}', null),
    ('show_retention',         'tenant', '{owner}', null),
    ('preview_open_messages',  'system', '{worker}', 'an operator asks about a sweep'),
    ('preview_messages',       'system', '{worker}', 'an operator asks about a sweep'),
    ('preview_orphan',         'system', '{worker}', 'an operator asks about numbers that are nobody''s'),
    ('preview_orders',         'system', '{worker}', 'an operator asks about a sweep'),
    ('preview_releases',       'system', '{worker}', 'an operator asks about a sweep'),
    ('preview_held',           'system', '{worker}', 'an operator asks about a sweep'),
    ('set_limits',             'tenant', '{owner}', null),
    ('show_limits',            'tenant', '{owner}', null),
    ('change_consent',         'system', '{owner}', 'an operator keeps what was said to a shared number'),
    ('consent_history',        'system', '{owner}', 'an operator reads what was said to a shared number'),
    ('list_blocked_prefixes',  'system', '{owner}', 'the list is everybody''s'),
    ('block_prefix',           'system', '{owner}', 'the list is everybody''s'),
    ('unblock_prefix',         'system', '{owner}', 'the list is everybody''s'),
    -- provisioning
    ('apply_workspace_event',  'tenant', '{worker}', null),
    ('request_number',         'tenant', '{worker}', null),
    ('retry_order',            'tenant', '{worker}', null),
    ('request_release',        'tenant', '{worker}', null),
    ('lease_order',            'tenant', '{worker}', null),
    ('save_order',             'tenant', '{worker}', null),
    ('choose_number',          'tenant', '{worker}', null),
    ('record_purchase',        'tenant', '{worker}', null),
    ('find_release',           'tenant', '{worker}', null),
    ('save_release',           'tenant', '{worker}', null),
    ('record_campaign_order',  'tenant', '{worker}', null),
    ('park_event',             'system', '{webhooks, worker}', 'a record that nobody can read names none'),
    -- the reconciler
    ('settle_unknown',         'tenant', '{worker}', null),
    ('settle_never_sent',      'tenant', '{worker}', null),
    ('reconcile_messages',     'tenant', '{worker}', null),
    ('adopt_orphan',           'system', '{worker}', 'the carrier''s list knows none'),
    ('mark_ghost',             'tenant', '{worker}', null),
    ('claim_open_messages',    'system', '{worker}', 'a sweep'),
    ('due_orders',             'system', '{worker}', 'a sweep'),
    ('due_releases',           'system', '{worker}', 'a sweep'),
    ('pending_readiness',      'system', '{worker}', 'a sweep'),
    ('compare_numbers',        'system', '{worker}', 'the carrier''s list knows none'),
    ('reconcile_calls',        'system', '{worker}', 'the carrier''s list knows none'),
    ('record_reply_charges',   'system', '{worker}', 'the carrier''s list knows none'),
    ('lift_refusals',          'system', '{worker}', 'a sweep'),
    ('release_held',           'system', '{worker}', 'a sweep'),
    ('hold_again',             'system', '{worker}', 'a sweep'),
    ('claim_bus_events',       'system', '{worker}', 'there is one bus'),
    ('finish_bus_events',      'system', '{worker}', 'there is one bus'),
    ('claim_endpoints',        'system', '{worker}', 'whoever has something due is served'),
    ('due_deliveries',         'tenant', '{worker}', null),
    ('record_attempt',         'tenant', '{worker}', null),
    ('release_endpoint',       'tenant', '{worker}', null),
    ('platform_figures',       'system', '{worker}', 'what operators watch is about all of them'),
    ('claim_redactions',       'system', '{worker}', 'the nightly run serves all of them'),
    ('finish_redaction',       'tenant', '{worker}', null),
    ('purge_events',           'system', '{worker}', 'the rule is the same for everybody'),
    ('take_spare',             'system', '{worker}', 'a spare number belongs to none'),
    ('refuse_spare',           'system', '{worker}', 'a spare number belongs to none'),
    ('keep_spare',             'system', '{worker}', 'a spare number belongs to none'),
    ('release_spare',          'system', '{worker}', 'a spare number belongs to none'),
    ('begin_run',              'system', '{worker}', 'a run belongs to none'),
    ('finish_run',             'system', '{worker}', 'a run belongs to none'),
    -- called from within other functions only
    ('route_inbound',          'system', '{}', 'whose a message is, is the question'),
    ('message_workspace',      'system', '{}', 'a callback names no workspace'),
    ('order_workspace',        'system', '{}', 'work in a queue names the order alone'),
    ('number_workspace',       'system', '{}', 'work in a queue names the number alone'),
    ('live_number_workspace',  'system', '{}', 'a callback names the number alone'),
    ('slug_is_taken',          'system', '{}', 'a slug is unique among all'),
    ('find_api_key',           'system', '{}', 'nobody knows whose a key is before it is found'),
    ('is_opted_out',           'system', '{}', 'on a shared number the customer''s word binds everybody'),
    ('forget_spare',           'system', '{}', 'a spare number belongs to none'),
    ('is_held_elsewhere',      'system', '{}', 'whoever holds it, nobody else may buy it'),
    ('hold_number',            'system', '{}', 'the number may have been another''s until now'),
    ('is_on_order',            'system', '{}', 'two orders never choose the same number'),
    ('price_unrouted',         'system', '{}', 'such a message belongs to none'),
    ('is_consent_known',       'system', '{}', 'what is said to a shared number belongs to none'),
    ('may_confirm',            'system', '{}', 'on a shared number the message may be nobody''s'),
    ('await_sends_under_way',  'system', '{}', 'on a shared number the customer''s word binds everybody'),
    ('record_consent',         'system', '{}', 'what is said to a shared number belongs to none');

-- The workspace API's routes are called `api_…` and begin alike.
insert into function_access (name, works_as, callers)
select distinct p.proname, 'tenant', array['api'] from pg_proc p
where p.pronamespace = current_schema()::regnamespace and p.proname like 'api\_%'
  and p.proargnames[1:4] = array['p_workspace', 'p_owner', 'p_key', 'p_scope']
on conflict (name) do nothing; -- those of the platform stand above

-- Makes a role. Roles belong to the whole server, so the migration of another of its databases may make the same one meanwhile.
create procedure make_role(p_role name) language plpgsql as $$
begin
    if not exists (select 1 from pg_roles where rolname = p_role) then
        execute format('create role %I nologin', p_role);
    end if;
exception when duplicate_object or unique_violation then
    null;
end $$;

-- Makes whoever migrates a member of a role, for as long as that is needed. What members of it may do, `p_inherit` says; since
-- Postgres 16 that may be nothing but `set role`.
create procedure join_role(p_role name, p_inherit boolean) language plpgsql as $$
begin
    for attempt in 1 .. 20 loop
        begin
            execute format('grant %I to current_user', p_role)
                || case when current_setting('server_version_num')::integer >= 160000
                        then format(' with inherit %s, set true', p_inherit::text) else '' end;
            return;
        exception
            when unique_violation or internal_error then -- another database's migration did the same at this moment
                perform pg_sleep(0.05);
            when insufficient_privilege then
                raise exception '% may not use the role %, which somebody else has made on this server', current_user, p_role
                    using errcode = 'insufficient_privilege',
                          hint = format('as its maker or a superuser: grant %I to %I with admin option', p_role, current_user);
        end;
    end loop;
    raise exception 'cannot join the role %', p_role;
end $$;

-- Takes the functions back from the roles that they work as, so that they can be replaced.
create procedure open_functions() language plpgsql as $$
declare
    owned record;
    borrowed name;
begin
    foreach borrowed in array array['ringspace_tenant', 'ringspace_system'] loop
        continue when pg_has_role(current_user, borrowed, 'usage');
        call join_role(borrowed, true);
        for owned in
            select p.oid::regprocedure as signature from pg_proc p
            where p.pronamespace = current_schema()::regnamespace and p.proowner = borrowed::regrole
        loop
            execute format('alter function %s owner to current_user', owned.signature);
        end loop;
        execute format('revoke %I from current_user', borrowed);
    end loop;
end $$;

-- Puts everything above into force, for what there is now; again without effect.
create procedure secure_schema() language plpgsql as $$
declare
    here constant name := current_schema();
    is_superuser constant boolean := (select rolsuper from pg_roles where rolname = current_user);
    owner constant name := (select pg_get_userbyid(relowner) from pg_class where oid = 'workspaces'::regclass);
    made name;
    borrowed name[] := '{}';
    part record;
    condition text;
    unknown text;
begin
    foreach made in array array['ringspace_tenant', 'ringspace_system', 'ringspace_operator',
                                'ringspace_webhooks', 'ringspace_api', 'ringspace_worker'] loop
        call make_role(made);
        if exists (select 1 from pg_roles where rolname = made and (rolsuper or rolbypassrls or rolcreaterole)) then
            raise exception 'the role % is more powerful than it may be', made
                using hint = format('alter role %I nosuperuser nobypassrls nocreaterole', made);
        end if;
        execute format('grant usage on schema %I to %I', here, made);
    end loop;
    if not is_superuser then
        if not pg_has_role(current_user, 'ringspace_operator',
                           case when current_setting('server_version_num')::integer >= 160000 then 'set' else 'member' end) then
            call join_role('ringspace_operator', false);
        end if;
        foreach made in array array['ringspace_tenant', 'ringspace_system'] loop
            if not pg_has_role(current_user, made, 'usage') then
                call join_role(made, true);
                borrowed := borrowed || made;
            end if;
        end loop;
    end if;

    execute format('revoke create on schema %I from public', here);
    for part in
        select c.oid::regclass as name, c.relname, c.relrowsecurity, c.relforcerowsecurity,
               exists (select 1 from pg_attribute a
                       where a.attrelid = c.oid and a.attname = 'workspace_id' and not a.attisdropped) as has_workspace
        from pg_class c
        where c.relnamespace = here::regnamespace and c.relkind in ('r', 'p')
    loop
        execute format('grant select on %s to ringspace_operator', part.name);
        condition := case
            when part.relname = 'workspaces' then 'id = acting_for()'
            when part.has_workspace then 'workspace_id = acting_for()'
            -- whose number it is, under the same rule
            when part.relname = 'voice_settings' then
                'exists (select 1 from workspace_phone_numbers n where n.id = phone_number_id)'
        end;
        continue when condition is null;
        if not part.relrowsecurity then
            execute format('alter table %s enable row level security', part.name);
        end if;
        if not part.relforcerowsecurity then
            execute format('alter table %s force row level security', part.name);
        end if;
        if not exists (select 1 from pg_policy where polrelid = part.name and polname = 'of_the_workspace') then
            execute format('create policy of_the_workspace on %s using (%s) with check (%s)', part.name, condition, condition);
            execute format('create policy of_all on %s to ringspace_system using (true) with check (true)', part.name);
            -- The owner is a member, so that it may say `set role`; without saying so it sees nothing.
            execute format(
                'create policy operators_read on %s for select to ringspace_operator using (current_user <> '
                '(select pg_catalog.pg_get_userbyid(relowner) from pg_catalog.pg_class where oid = %L::regclass))',
                part.name, format('%I.workspaces', here));
        end if;
        execute format('grant select, insert, update, delete on %s to ringspace_tenant', part.name);
        execute format('grant select on %s to ringspace_system', part.name);
    end loop;
    revoke delete on workspaces from ringspace_tenant;
    revoke update, delete on opt_out_changes, status_reports from ringspace_tenant; -- what was said stays said

    for part in select c.oid::regclass as name from pg_class c where c.relnamespace = here::regnamespace and c.relkind = 'v' loop
        execute format('alter view %s set (security_invoker = true)', part.name);
        -- whoever asks sees through it what it sees below it
        execute format('grant select on %s to ringspace_operator, ringspace_tenant, ringspace_system', part.name);
    end loop;

    select string_agg(a.name, ', ') into unknown from function_access a
    where not exists (select 1 from pg_proc p where p.pronamespace = here::regnamespace and p.proname = a.name);
    if unknown is not null then
        raise exception 'function_access names functions that are not there: %', unknown;
    end if;
    execute format('grant create on schema %I to ringspace_tenant, ringspace_system', here); -- a function's owner needs it, once
    if not has_schema_privilege('ringspace_tenant', here, 'create') then
        raise exception '% may not grant CREATE on the schema %', current_user, here
            using errcode = 'insufficient_privilege',
                  hint = format('alter schema %I owner to %I, or migrate as the owner of the database', here, current_user);
    end if;
    for part in
        select p.oid::regprocedure as signature, p.proowner, p.prokind, p.provolatile, a.callers, 'ringspace_' || a.works_as as works_as
        from pg_proc p left join function_access a on a.name = p.proname
        where p.pronamespace = here::regnamespace and p.prokind in ('f', 'p')
          -- what an extension brought is its own affair
          and not exists (select 1 from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
    loop
        execute format('revoke execute on routine %s from public', part.signature);
        continue when part.prokind = 'p';
        if part.works_as is not null then
            if part.proowner <> part.works_as::regrole then
                execute format('alter function %s owner to %I', part.signature, part.works_as);
            end if;
            execute format('alter function %s security definer set search_path = %I, pg_temp', part.signature, here);
            foreach made in array part.callers loop
                execute format('grant execute on function %s to %I', part.signature, owner);
                if made <> 'owner' then
                    execute format('grant execute on function %s to %I', part.signature, 'ringspace_' || made);
                end if;
            end loop;
        elsif part.provolatile <> 'v' then
            execute format('grant execute on function %s to ringspace_operator', part.signature); -- views call some
        end if;
        execute format('grant execute on function %s to ringspace_tenant, ringspace_system', part.signature);
    end loop;
    grant execute on function acting_for(), act_for(uuid) to public; -- they say whom one works for, and show nothing
    execute format('revoke create on schema %I from ringspace_tenant, ringspace_system', here);
    foreach made in array borrowed loop
        execute format('revoke %I from current_user', made);
    end loop;
end $$;

call secure_schema();

-- Reports that nobody knows whose they are, until they are adopted.
create policy of_nobody_yet on parked_reports to ringspace_tenant using (workspace_id is null) with check (workspace_id is null);
-- What a function that works for a workspace sees of tables that belong to none: the platform's own data, that there is a bus, and of
-- a message that was stored for nobody that it was there, not what it says or who wrote it.
grant select on tier_limits, blocked_prefixes, send_estimates, phone_zones, rates, plan_prices, delivery_errors to ringspace_tenant, ringspace_system;
grant select (is_there) on event_bus to ringspace_tenant;
grant insert, select (id, external_id, recipient_phone, reply, reply_withheld) on unrouted_messages to ringspace_tenant;

-- Beside reading what belongs to workspaces, all that ringspace_system may do.
grant select, insert, update on parked_events, reconciler_runs, opt_outs, carrier_charges, phone_number_holds to ringspace_system;
grant select, insert, update, delete on spare_numbers, blocked_prefixes, event_bus to ringspace_system;
grant select, update (price, segments) on unrouted_messages to ringspace_system;
grant insert on opt_out_changes, api_keys, events, event_deliveries to ringspace_system;
grant update (last_used_at, revoked_at) on api_keys to ringspace_system;
grant update (checked_at, redaction_tried_at, status, error_message, send_after, released_at, updated_at) on conversation_messages to ringspace_system;
grant update (phone_number, phone_number_sid, state, reason, next_attempt_at, updated_at) on provisioning_orders to ringspace_system;
grant update (messaging_readiness, reason, updated_at) on phone_number_readiness to ringspace_system;
grant update (day_spend) on sending_counters to ringspace_system;
grant update (bus_due_at, bus_attempts, bus_sent_at, bus_error), delete on events to ringspace_system;
grant update (lease, leased_until, claimed_at) on webhook_endpoints to ringspace_system;
-- Figures are made of these views, and the reconciler fills in what an unrouted message cost.
grant select on usage_items, idle_phone_numbers to ringspace_tenant, ringspace_system;
grant select on provisioning_success, phone_number_costs to ringspace_system;
grant select (price, segments), update (price, segments) on unrouted_messages to ringspace_tenant;
