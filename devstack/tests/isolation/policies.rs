//! What is enabled, and for which tables and functions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use common::store::STATEMENTS;
use tokio_postgres::Client;

use crate::support::{Town, number, refusal, tenant_tables};

/// Tables that belong to no workspace, and the only columns of them that functions reach while they work for one. A line more here
/// is a decision: whatever stands there, every workspace's functions can read or write.
const SHARED: &[(&str, &str)] = &[
    // the platform's own data
    ("blocked_prefixes", "read created_at, kind, note, prefix"),
    ("delivery_errors", "read advice, code, is_permanent, words"),
    ("phone_zones", "read prefix, zones"),
    (
        "plan_prices",
        "read currency, extra_number, monthly, numbers_included, source, tier, valid_from",
    ),
    ("rates", "read amount, currency, kind, source, valid_from"),
    ("send_estimates", "read kind, price"),
    (
        "tier_limits",
        "read auto_replies, auto_reply_minutes, calls_per_day, calls_per_minute, loop_messages, loop_minutes, \
         max_price_per_minute, max_price_per_segment, messages_per_day, messages_per_minute, messages_per_second, quiet_from, \
         quiet_until, sending_enabled, spend_cents_per_day, subscription_tier, time_zone",
    ),
    // whether there is a bus
    ("event_bus", "read is_there"),
    // whoever stores a message for nobody learns whether it was there and what it cost, not what it says or who wrote it
    (
        "unrouted_messages",
        "read external_id, id, price, recipient_phone, reply, reply_withheld, segments",
    ),
    ("unrouted_messages", "write"),
];

/// All that the functions of the store that look across workspaces may write; they may read what belongs to workspaces.
const SWEEPS_WRITE: &[&str] = &[
    "api_keys",
    "blocked_prefixes",
    "carrier_charges",
    "conversation_messages",
    "event_bus",
    "event_deliveries",
    "events",
    "opt_out_changes",
    "opt_outs",
    "parked_events",
    "phone_number_holds",
    "phone_number_readiness",
    "provisioning_orders",
    "reconciler_runs",
    "sending_counters",
    "spare_numbers",
    "unrouted_messages",
    "webhook_endpoints",
];

async fn texts(sql: &Client, ask: &str) -> Vec<String> {
    sql.query(ask, &[])
        .await
        .unwrap_or_else(|error| panic!("{ask}: {error:?}"))
        .iter()
        .map(|row| row.get(0))
        .collect()
}

#[tokio::test]
async fn every_table_of_a_workspace_is_enabled_forced_and_has_its_policies() {
    let town = Town::build().await;
    let sql = &town.fixture.sql;
    let tables = tenant_tables(sql).await;
    assert!(tables.len() >= 14);
    for (table, _) in tables {
        let state = format!(
            "select format('%s %s', relrowsecurity, relforcerowsecurity) from pg_class where oid = '{table}'::regclass"
        );
        assert_eq!(
            texts(sql, &state).await,
            ["t t"],
            "{table}: secure_schema() has not run since it was made"
        );
        let policies =
            format!("select polname::text from pg_policy where polrelid = '{table}'::regclass order by 1");
        let policies = texts(sql, &policies).await;
        for expected in ["of_all", "of_the_workspace", "operators_read"] {
            assert!(
                policies.iter().any(|policy| policy == expected),
                "{table} lacks {expected}"
            );
        }
    }
    // nothing else lets rows pass
    let more = "select format('%s: %s', polrelid::regclass, polname) from pg_policy
                where polname not in ('of_all', 'of_the_workspace', 'operators_read') order by 1";
    assert_eq!(texts(sql, more).await, ["parked_reports: of_nobody_yet"]);
}

#[tokio::test]
async fn tables_of_no_workspace_are_out_of_reach_but_for_a_list() {
    let town = Town::build().await;
    let sql = &town.fixture.sql;
    let tables = "select c.relname::text from pg_class c
                  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm') and not c.relrowsecurity
                    -- who asks such a view is bound as below it
                    and coalesce(not c.reloptions @> '{security_invoker=true}', true) order by 1";
    let mut reached = BTreeSet::new();
    for table in texts(sql, tables).await {
        let columns = format!(
            "select coalesce(string_agg(attname, ', ' order by attname), '') from pg_attribute
             where attrelid = '{table}'::regclass and attnum > 0 and not attisdropped
               and has_column_privilege('ringspace_tenant', attrelid, attnum, 'select')"
        );
        let columns = texts(sql, &columns).await.remove(0);
        if !columns.is_empty() {
            reached.insert((table.clone(), format!("read {columns}")));
        }
        let writes = format!(
            "select has_any_column_privilege('ringspace_tenant', '{table}', 'insert, update')
                 or has_table_privilege('ringspace_tenant', '{table}', 'delete, truncate')"
        );
        if sql.query_one(&writes, &[]).await.unwrap().get(0) {
            reached.insert((table, "write".to_owned()));
        }
    }
    let listed: BTreeSet<(String, String)> = SHARED
        .iter()
        .map(|(table, what)| ((*table).to_owned(), (*what).to_owned()))
        .collect();
    assert_eq!(reached, listed);
}

#[tokio::test]
async fn what_looks_across_workspaces_writes_little() {
    let town = Town::build().await;
    let writes = "select c.relname::text from pg_class c
                  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
                    and (has_any_column_privilege('ringspace_system', c.oid, 'insert, update')
                         or has_table_privilege('ringspace_system', c.oid, 'delete, truncate')) order by 1";
    assert_eq!(texts(&town.fixture.sql, writes).await, SWEEPS_WRITE);
}

#[tokio::test]
async fn the_roles_own_nothing_and_pass_nothing_by() {
    let town = Town::build().await;
    let sql = &town.fixture.sql;
    let roles = "select rolname::text from pg_roles where rolname like 'ringspace%' and rolname not like 'ringspace_local%' order by 1";
    assert_eq!(
        texts(sql, roles).await,
        [
            "ringspace_api",
            "ringspace_operator",
            "ringspace_system",
            "ringspace_tenant",
            "ringspace_webhooks",
            "ringspace_worker"
        ]
    );
    let powerful = "select rolname::text from pg_roles where rolname like 'ringspace%'
                    and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication
                         or rolcanlogin and rolname not like 'ringspace_local%')";
    assert!(texts(sql, powerful).await.is_empty());
    let owners = "select c.relname::text from pg_class c join pg_roles r on r.oid = c.relowner where r.rolname like 'ringspace%'
                  union all
                  select n.nspname::text from pg_namespace n join pg_roles r on r.oid = n.nspowner where r.rolname like 'ringspace%'
                  union all
                  select p.proname::text from pg_proc p join pg_roles r on r.oid = p.proowner
                  where r.rolname like 'ringspace%' and r.rolname not in ('ringspace_tenant', 'ringspace_system')";
    assert!(texts(sql, owners).await.is_empty());
    // who connects is a member of the callers' roles only, and nobody is a member of those that functions work as
    let members = "select format('%s in %s', member::regrole, roleid::regrole) from pg_auth_members
                   where roleid::regrole::text in ('ringspace_tenant', 'ringspace_system') and pg_has_role(member, roleid, 'usage')
                     and not (select rolsuper from pg_roles where oid = member)";
    assert!(texts(sql, members).await.is_empty());
    let creators = "select r.rolname::text from pg_roles r where r.rolname like 'ringspace%' and has_schema_privilege(r.oid, 'public', 'create')";
    assert!(texts(sql, creators).await.is_empty());
    let tables = "select format('%s: %s', r.rolname, c.relname) from pg_roles r, pg_class c
                  where r.rolname ~ '^ringspace_(webhooks|api|worker|local_.*)$' and c.relnamespace = 'public'::regnamespace
                    and c.relkind in ('r', 'p', 'v', 'm')
                    and (has_any_column_privilege(r.oid, c.oid, 'select, insert, update, references')
                         or has_table_privilege(r.oid, c.oid, 'delete, truncate, trigger'))";
    assert!(texts(sql, tables).await.is_empty());
}

/// The functions that the store's statements call.
fn called(names: &BTreeSet<String>) -> BTreeSet<String> {
    let calls = |name: &&String| STATEMENTS.iter().any(|text| text.contains(&format!(" {name}(")));
    names.iter().filter(calls).cloned().collect()
}

#[tokio::test]
async fn a_function_that_a_statement_calls_is_in_the_list_and_only_those_work_as_another() {
    let town = Town::build().await;
    let sql = &town.fixture.sql;
    let ask = "select p.proname::text, p.prosecdef, p.proowner::regrole::text, p.proconfig::text, a.works_as, cardinality(a.callers)
               from pg_proc p left join function_access a on a.name = p.proname
               where p.pronamespace = 'public'::regnamespace and p.prokind = 'f'";
    let rows = sql.query(ask, &[]).await.unwrap();
    let names: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    let called = called(&names);
    assert!(called.len() >= 35);
    for row in &rows {
        let name: String = row.get(0);
        let works_as: Option<String> = row.get(4);
        let callers: Option<i32> = row.get(5);
        assert!(
            !called.contains(&name) || callers.is_some_and(|count| count > 0),
            "a statement calls {name}: add a row to function_access at the top of V0029, such as ('{name}', 'tenant', '{{api}}', null)"
        );
        let definer: bool = row.get(1);
        assert_eq!(definer, works_as.is_some(), "{name}");
        if let Some(works_as) = works_as {
            assert_eq!(row.get::<_, String>(2), format!("ringspace_{works_as}"), "{name}");
            assert_eq!(
                row.get::<_, Option<String>>(3).as_deref(),
                Some("{\"search_path=public, pg_temp\"}"),
                "{name}"
            );
        }
    }
    let everybody = "select p.proname::text from pg_proc p
                     where p.pronamespace = 'public'::regnamespace and has_function_privilege('public', p.oid, 'execute') order by 1";
    assert_eq!(texts(sql, everybody).await, ["act_for", "acting_for"]);
}

/// The source says it where it is read.
#[tokio::test]
async fn what_looks_across_workspaces_says_why_where_it_is_defined() {
    let town = Town::build().await;
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let source: String = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    let ask = "select name from function_access where works_as = 'system'";
    for name in texts(&town.fixture.sql, ask).await {
        let definition = source
            .find(&format!("create function {name}("))
            .or_else(|| source.find(&format!("create or replace function {name}(")))
            .unwrap_or_else(|| panic!("{name} is defined"));
        let above: Vec<&str> = source[..definition]
            .lines()
            .rev()
            .take_while(|line| line.starts_with("--"))
            .collect();
        assert!(
            above.iter().any(|line| line.starts_with("-- all workspaces: ")),
            "{name} looks across workspaces: say why above it"
        );
    }
}

/// Whoever works for one workspace says so first, or finds out whose it is.
#[tokio::test]
async fn what_works_for_one_workspace_says_for_which() {
    let town = Town::build().await;
    let ask = "select p.proname::text, p.prosrc, coalesce(a.works_as = 'tenant', false)
               from pg_proc p left join function_access a on a.name = p.proname
               where p.pronamespace = 'public'::regnamespace and p.prokind = 'f'";
    let rows = town.fixture.sql.query(ask, &[]).await.unwrap();
    let sources: BTreeMap<String, String> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    for row in rows.iter().filter(|row| row.get(2)) {
        let (name, source): (String, String) = (row.get(0), row.get(1));
        // itself, or a function that it calls
        let says = |text: &str| text.contains(" act_for(");
        let by_another = sources
            .iter()
            .any(|(other, text)| source.contains(&format!(" {other}(")) && says(text));
        assert!(says(&source) || by_another, "{name} never calls act_for");
    }
}

#[tokio::test]
async fn a_workspace_is_never_named_from_outside_a_transaction() {
    let town = Town::furnished().await;
    let owner = town.fixture.database.client().await;
    // set for the session, as a pooler would hand it on: it counts, which is why nothing here ever does it
    assert!(
        !STATEMENTS
            .iter()
            .any(|text| text.to_lowercase().contains("set_config"))
    );
    let settings = "select p.proname::text from pg_proc p
                    where p.pronamespace = 'public'::regnamespace and p.prosrc ~* 'set_config|\\mset\\s+(session|local)?\\s*ringspace'";
    assert_eq!(texts(&town.fixture.sql, settings).await, ["act_for"]);
    let inside = format!("begin; select act_for('{}')", town.acme.id);
    owner.batch_execute(&inside).await.unwrap();
    assert_eq!(number(&owner, "select count(*) from workspaces").await, 1);
    owner.batch_execute("commit").await.unwrap();
    assert_eq!(number(&owner, "select count(*) from workspaces").await, 0);
    assert_eq!(
        refusal(
            &owner,
            "set ringspace.workspace_id = 'no uuid'; select count(*) from workspaces"
        )
        .await
        .as_deref(),
        Some("22P02")
    );
}
