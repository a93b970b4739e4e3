//! Each login does what its function needs and is refused everything else.

use devstack::access::Access;
use uuid::Uuid;

use crate::support::{Town, number, refusal, tenant_tables};

#[tokio::test]
async fn each_login_executes_exactly_what_the_list_gives_it() {
    let town = Town::build().await;
    for access in [Access::Webhooks, Access::Api, Access::Worker] {
        let caller = access.roles().trim_start_matches("ringspace_");
        let wrong = "select p.proname::text from pg_proc p left join function_access a on a.name = p.proname
                     where p.pronamespace = 'public'::regnamespace and p.proname not in ('act_for', 'acting_for')
                       and has_function_privilege($1, p.oid, 'execute') is distinct from coalesce($2 = any (a.callers), false)";
        let rows = town
            .fixture
            .sql
            .query(wrong, &[&access.login(), &caller])
            .await
            .unwrap();
        let wrong: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert!(wrong.is_empty(), "{access:?}: {wrong:?}");
    }
}

/// The webhook functions know one door each.
#[tokio::test]
async fn webhooks_may_only_execute_the_ingest_functions() {
    let town = Town::build().await;
    let ask = "select p.proname::text from pg_proc p where p.pronamespace = 'public'::regnamespace
               and has_function_privilege('ringspace_webhooks', p.oid, 'execute') order by 1";
    let rows = town.fixture.sql.query(ask, &[]).await.unwrap();
    let allowed: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        allowed,
        [
            "act_for",
            "acting_for",
            "find_call_script",
            "park_event",
            "record_dial_result",
            "record_inbound_call",
            "record_inbound_message",
            "record_readiness",
            "record_report",
        ]
    );
}

#[tokio::test]
async fn no_login_reaches_a_table_or_becomes_somebody_else() {
    let town = Town::furnished().await;
    let tables = tenant_tables(&town.fixture.sql).await;
    for access in Access::EVERY {
        let sql = town.connect(&access.url(town.fixture.database.url())).await;
        let me: String = sql
            .query_one("select current_user::text", &[])
            .await
            .unwrap()
            .get(0);
        assert_eq!(me, access.login());
        // naming a workspace opens no table
        for before in ["".to_owned(), format!("select act_for('{}'); ", town.acme.id)] {
            for (table, _) in &tables {
                for statement in [
                    format!("select * from {table}"),
                    format!("delete from {table}"),
                    format!("copy {table} to stdout"),
                    format!("truncate {table} cascade"),
                    format!("alter table {table} no force row level security"),
                    format!("alter table {table} disable row level security"),
                    format!("select 1 from {table} for update"),
                ] {
                    assert_eq!(
                        refusal(&sql, &format!("{before}{statement}")).await.as_deref(),
                        Some("42501"),
                        "{access:?}: {statement}"
                    );
                }
            }
        }
        for statement in [
            "set role ringspace_tenant",
            "set role ringspace_system",
            "set role ringspace_operator",
            "set role app_owner",
            "set session authorization postgres",
            "select * from provisioning_success",
            "select * from unrouted_messages",
            "select * from parked_reports",
            "select * from function_access",
            "create table mine (x integer)",
            "create function route_inbound(text) returns text language sql as 'select 1::text'",
            "create or replace function acting_for() returns uuid language sql as 'select gen_random_uuid()'",
            "alter function acting_for() volatile",
            "drop function acting_for()",
            "call secure_schema()",
            "call open_functions()",
            "call make_role('mine')",
            "select route_inbound('+14055550001', '+14155550101', 'x', false)",
            "select message_workspace(null, 'sid-of-both', null)",
            "select lock_conversation(null, null, '', '', '')",
            "insert into function_access values ('route_inbound', 'system', '{api}', 'mine')",
            "create role mine",
        ] {
            assert_eq!(
                refusal(&sql, statement).await.as_deref(),
                Some("42501"),
                "{access:?}: {statement}"
            );
        }
        // a temporary table of the same name is not what a function reads: its search path puts them last
        if access == Access::Api {
            let found =
                "create temporary table workspaces as select gen_random_uuid() as id, true as is_active;
                         select 1";
            sql.batch_execute(found).await.unwrap();
            let ask = format!(
                "select count(*) from begin_outbound('{}', 'org_bolt', null, 'messages:write', '{}', null, 'x', 'sms', '+14155550101', 'x', '[]', 1,
                    null, null, null, null, now(), null, null) where outcome = 'unknown_workspace'",
                town.acme.id,
                Uuid::nil()
            );
            assert_eq!(number(&sql, &ask).await, 1);
        }
    }
}

/// The schema's owner is no exception, though functions may connect as it.
#[tokio::test]
async fn the_owner_sees_nothing_before_it_says_for_whom() {
    let town = Town::furnished().await;
    let owner = town.fixture.database.client().await;
    for (table, condition) in tenant_tables(&town.fixture.sql).await {
        let all = number(&town.fixture.sql, &format!("select count(*) from {table}")).await;
        assert!(all >= 2, "{table} is empty: furnish it, or nothing is shown here");
        assert_eq!(
            number(&owner, &format!("select count(*) from {table}")).await,
            0,
            "{table}"
        );
        for tenant in [town.acme, town.bolt] {
            let own = condition.replace("acting_for()", &format!("'{}'", tenant.id));
            let own = number(
                &town.fixture.sql,
                &format!("select count(*) from {table} where {own}"),
            )
            .await;
            owner
                .batch_execute(&format!("begin; select act_for('{}')", tenant.id))
                .await
                .unwrap();
            assert_eq!(
                number(&owner, &format!("select count(*) from {table}")).await,
                own,
                "{table}"
            );
            assert!(own >= 1 && own < all, "{table}");
            // what the policies hide cannot be moved to or from another either
            let others = format!(
                "update {table} set {condition}",
                condition = match table.as_str() {
                    "voice_settings" => format!("phone_number_id = '{}'", other(&town, tenant).number_id),
                    "workspaces" => format!("id = '{}'", other(&town, tenant).id),
                    _ => format!("workspace_id = '{}'", other(&town, tenant).id),
                }
            );
            assert_eq!(
                refusal(&owner, &others).await.as_deref(),
                Some("42501"),
                "{others}"
            );
            owner.batch_execute("rollback").await.unwrap();
        }
    }
    for hidden in ["set role ringspace_tenant", "set role ringspace_system"] {
        assert_eq!(
            refusal(&owner, hidden).await.as_deref(),
            Some("42501"),
            "{hidden}"
        );
    }
}

fn other(town: &Town, tenant: crate::support::Tenant) -> crate::support::Tenant {
    if tenant.id == town.acme.id {
        town.bolt
    } else {
        town.acme
    }
}
