//! People who run the system see all of it, and change nothing.

use devstack::fixture::Fixture;
use testkit::postgres::OWNER;
use tokio_postgres::Client;

use crate::support::{Town, number, refusal, tenant_tables};

/// The guide's three queries, word for word.
const GUIDE: [&str; 3] = [
    "   -- Count workspaces with vs without numbers
   SELECT 
     COUNT(*) as total_pro_enterprise,
     COUNT(wpn.id) as with_numbers,
     (COUNT(wpn.id)::float / COUNT(*) * 100) as success_rate
   FROM workspaces w
   LEFT JOIN workspace_phone_numbers wpn ON w.id = wpn.workspace_id
   WHERE w.subscription_tier IN ('professional', 'enterprise');",
    "   -- Numbers by status
   SELECT 
     status,
     COUNT(*) as count,
     SUM(monthly_cost_cents) / 100.0 as monthly_cost
   FROM workspace_phone_numbers
   GROUP BY status;",
    "   -- Messages received per workspace (last 30 days)
   SELECT 
     w.name,
     COUNT(*) as message_count
   FROM conversation_messages cm
   JOIN workspaces w ON cm.workspace_id = w.id
   WHERE cm.direction = 'inbound'
     AND cm.created_at > NOW() - INTERVAL '30 days'
   GROUP BY w.name
   ORDER BY message_count DESC;",
];

/// What anybody who may see everything sees.
async fn answers(sql: &Client) -> Vec<String> {
    let views = "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind = 'v' order by 1";
    let views = sql.query(views, &[]).await.unwrap();
    assert!(views.len() >= 3);
    let asked = GUIDE
        .iter()
        .map(|text| text.trim_end_matches(';').to_owned())
        .chain(
            views
                .iter()
                .map(|row| format!("select * from {}", row.get::<_, String>(0))),
        );
    let mut all = Vec::new();
    for ask in asked {
        let ask = format!("select to_jsonb(t)::text from ({ask}) t order by 1");
        let rows = sql
            .query(&ask, &[])
            .await
            .unwrap_or_else(|error| panic!("{ask}: {error:?}"));
        all.extend(rows.iter().map(|row| row.get::<_, String>(0)));
    }
    all
}

async fn town_with_mail() -> Town {
    let town = Town::furnished().await;
    let app = town.sms_webhook().await;
    for (tenant, messages) in [(town.acme, 2), (town.bolt, 1)] {
        for index in 0..messages {
            town.receive(&app, tenant, &format!("SM{index}"), "Hello").await;
        }
    }
    town
}

async fn reads_everything(fixture: &Fixture, operator: &Client) {
    let expected = answers(&fixture.sql).await;
    assert!(
        expected.iter().any(|row| row.contains("Acme")) && expected.iter().any(|row| row.contains("Bolt"))
    );
    assert_eq!(answers(operator).await, expected);
    for (table, _) in tenant_tables(&fixture.sql).await {
        let count = format!("select count(*) from {table}");
        assert_eq!(
            number(operator, &count).await,
            number(&fixture.sql, &count).await,
            "{table}"
        );
        for statement in [
            format!("delete from {table}"),
            format!("truncate {table} cascade"),
            format!("insert into {table} default values"),
        ] {
            assert_eq!(
                refusal(operator, &statement).await.as_deref(),
                Some("42501"),
                "{statement}"
            );
        }
    }
    for table in [
        "unrouted_messages",
        "parked_reports",
        "parked_events",
        "reconciler_runs",
        "spare_numbers",
    ] {
        number(operator, &format!("select count(*) from {table}")).await;
    }
    for statement in [
        "update workspaces set name = 'mine'",
        "select record_inbound_message(null, null, null, null, null, null, null, null, null, null, null, null)",
        "set role ringspace_system",
    ] {
        let statement = format!("begin; {statement}");
        let refused = refusal(operator, &statement).await;
        operator.batch_execute("rollback").await.unwrap();
        assert_eq!(refused.as_deref(), Some("42501"), "{statement}");
    }
}

#[tokio::test]
async fn the_owner_reads_everything_once_it_has_said_so() {
    let town = town_with_mail().await;
    let owner = town.fixture.database.client().await;
    assert_eq!(number(&owner, "select count(*) from workspaces").await, 0);
    assert_eq!(
        number(&owner, "select count(*) from inbound_messages_last_30_days").await,
        0
    );
    owner.batch_execute("set role ringspace_operator").await.unwrap();
    // the role of a session is whoever logged in: an owner may leave, so what it may not do is tried by a login below
    let expected = answers(&town.fixture.sql).await;
    assert_eq!(answers(&owner).await, expected);
    assert_eq!(
        refusal(&owner, "delete from contacts").await.as_deref(),
        Some("42501")
    );
    owner.batch_execute("reset role").await.unwrap();
    assert_eq!(number(&owner, "select count(*) from workspaces").await, 0);
}

#[tokio::test]
async fn a_login_in_the_role_reads_everything_with_and_without_saying_so() {
    let town = town_with_mail().await;
    let login = format!("ringspace_local_operator_{}", town.fixture.database.name());
    let sql = &town.fixture.sql;
    // made by the owner, as the README says, not by a superuser
    let owner = town.fixture.database.client().await;
    let me: String = owner
        .query_one("select current_user::text", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(me, OWNER);
    owner
        .batch_execute(&format!(
            "create role {login} login password 'local' in role ringspace_operator"
        ))
        .await
        .unwrap();
    let mut url = url::Url::parse(town.fixture.database.url()).unwrap();
    url.set_username(&login).unwrap();
    url.set_password(Some("local")).unwrap();
    let operator = town.connect(url.as_str()).await;
    reads_everything(&town.fixture, &operator).await;
    operator
        .batch_execute("set role ringspace_operator")
        .await
        .unwrap();
    reads_everything(&town.fixture, &operator).await;
    drop(operator);
    sql.batch_execute(&format!("drop role {login}")).await.unwrap();
}
