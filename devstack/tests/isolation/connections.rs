//! The same work whoever connects and through whatever: a login of its own, the owner, a superuser, a transaction pooler.

use std::sync::Arc;

use devstack::access::Access;
use serde_json::json;
use testkit::pgbouncer::PgBouncer;
use tokio::task::JoinSet;

use crate::support::{CUSTOMER, STATUS, Tenant, Town, number, refusal, tenant_tables};

const ROUNDS: usize = 12;

/// Both workspaces at once: messages come with the same SIDs, sends go with the same keys, reports follow.
async fn interleave(town: Town) -> Town {
    let town = Arc::new(town);
    let sms = Arc::new(town.sms_webhook().await);
    let send = Arc::new(town.outbound_send().await);
    let status = Arc::new(town.status_callback().await);
    let mut work = JoinSet::new();
    for round in 0..ROUNDS {
        for tenant in [town.acme, town.bolt] {
            let (sms, send, status, town) = (sms.clone(), send.clone(), status.clone(), town.clone());
            work.spawn(async move {
                town.receive(
                    &sms,
                    tenant,
                    &format!("SM{round}"),
                    &format!("to {}", tenant.organization),
                )
                .await;
                let text = format!("from {}", tenant.organization);
                let (code, answer) = town.send(&send, tenant, &format!("key {round}"), &text).await;
                assert_eq!(code, 201, "{answer}");
                let sid = answer["sid"].as_str().unwrap().to_owned();
                let query = format!("message={}", answer["id"].as_str().unwrap());
                let fields = [
                    ("MessageSid", sid.as_str()),
                    ("MessageStatus", "delivered"),
                    ("From", tenant.number),
                    ("To", CUSTOMER),
                ];
                let answer = status
                    .handle(town.fixture.webhook_with_query(STATUS, &query, &fields))
                    .await;
                assert_eq!(answer.status(), 200);
            });
        }
    }
    while let Some(done) = work.join_next().await {
        done.unwrap();
    }
    drop((sms, send, status));
    Arc::into_inner(town).unwrap()
}

/// Each has its own and all of it.
async fn verify(town: &Town) {
    let sql = &town.fixture.sql;
    for tenant in [town.acme, town.bolt] {
        let Tenant { id, organization, .. } = tenant;
        let count = async |condition: String| {
            number(
                sql,
                &format!(
                    "select count(*) from conversation_messages where workspace_id = '{id}' and {condition}"
                ),
            )
            .await
        };
        let rounds = ROUNDS as i64;
        assert_eq!(count("true".to_owned()).await, 2 * rounds);
        assert_eq!(
            count(format!("direction = 'inbound' and body = 'to {organization}'")).await,
            rounds
        );
        let sent =
            format!("direction = 'outbound' and body = 'from {organization}' and status = 'delivered'");
        assert_eq!(count(sent).await, rounds);
        let thread = format!(
            "select count(*) from conversations where workspace_id = '{id}' and message_count = {}",
            2 * rounds
        );
        assert_eq!(number(sql, &thread).await, 1);
        let keys = format!("select count(*) from idempotency_keys where workspace_id = '{id}'");
        assert_eq!(number(sql, &keys).await, rounds);
    }
    assert_eq!(
        number(
            sql,
            "select count(*) from parked_reports where workspace_id is null"
        )
        .await,
        0
    );
}

#[tokio::test]
async fn a_login_that_may_execute_what_functions_need() {
    let town = interleave(Town::build().await).await;
    verify(&town).await;
}

#[tokio::test]
async fn the_owner_of_the_schema() {
    let mut town = Town::build().await;
    let url = town.fixture.database.url().to_owned();
    town.fixture.set("DATABASE_URL", &url);
    let town = interleave(town).await;
    verify(&town).await;
}

/// For development only; the functions work as their roles all the same.
#[tokio::test]
async fn a_superuser() {
    let mut town = Town::build().await;
    let url = town.fixture.database.superuser_url().to_owned();
    town.fixture.set("DATABASE_URL", &url);
    let town = interleave(town).await;
    verify(&town).await;
}

#[tokio::test]
async fn a_transaction_pooler_with_one_connection() {
    let mut town = Town::build().await;
    let logins = Access::EVERY.map(|access| (access.login(), "local"));
    let pooler = PgBouncer::start(&town.fixture.database_url(), &logins, 1)
        .await
        .unwrap();
    let url = pooler.url(&town.fixture.database_url());
    town.fixture.set("DATABASE_URL", &url);

    // one server connection for all: what a transaction sets must be gone with it
    let (first, second) = (town.connect(&url).await, town.connect(&url).await);
    let backend = "select pg_backend_pid()::bigint";
    assert_eq!(number(&first, backend).await, number(&second, backend).await);

    let town = interleave(town).await;
    verify(&town).await;

    let left = "select count(*) from (select nullif(current_setting('ringspace.workspace_id', true), '') as it) s where it is not null";
    assert_eq!(number_simple(&first, left).await, "0");
    let named = "select count(*) from pg_prepared_statements";
    assert_eq!(number_simple(&second, named).await, "0");
    // a connection through it is bound as a direct one
    for (table, _) in tenant_tables(&town.fixture.sql).await {
        assert_eq!(
            refusal(&first, &format!("select * from {table}"))
                .await
                .as_deref(),
            Some("42501"),
            "{table}"
        );
    }
}

/// Without a prepared statement, which would be one of those that are counted.
async fn number_simple(sql: &tokio_postgres::Client, ask: &str) -> String {
    let messages = sql.simple_query(ask).await.unwrap();
    messages
        .iter()
        .find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        })
        .unwrap()
}

/// One workspace cannot find out what another has used: not by SID, key, or event.
#[tokio::test]
async fn keys_that_deduplicate_count_per_workspace() {
    let town = Town::build().await;
    let sms = town.sms_webhook().await;
    let send = town.outbound_send().await;
    for tenant in [town.acme, town.bolt] {
        town.receive(&sms, tenant, "SM-same", tenant.organization).await;
        let (status, answer) = town.send(&send, tenant, "same", tenant.organization).await;
        assert_eq!(
            (status, answer["body"].as_str()),
            (201, Some(tenant.organization))
        );
        // again is the same, of one's own
        town.receive(&sms, tenant, "SM-same", tenant.organization).await;
        let (status, again) = town.send(&send, tenant, "same", tenant.organization).await;
        assert_eq!((status, &again["id"]), (201, &answer["id"]));
    }
    let app = provision_trigger::App::start_with(town.fixture.settings())
        .await
        .unwrap();
    for tenant in [town.acme, town.bolt, town.acme] {
        town.fixture
            .sql
            .execute(
                "update workspaces set number_limit = 0 where id = $1",
                &[&tenant.id],
            )
            .await
            .unwrap();
        let event = json!({ "id": "event-same", "type": "phone_number.requested", "workspace": { "id": tenant.id },
                            "numberType": "sales", "areaCode": "405" });
        let delivery = testkit::runtime_api::sqs_event(&[("1", event.to_string().as_str())]);
        let failed = app.handle(serde_json::from_value(delivery).unwrap()).await;
        assert!(failed.batch_item_failures.is_empty());
    }
    let per_workspace =
        "select count(*) from (select workspace_id from provisioning_orders where event_id = 'event-same'
                                               group by workspace_id having count(*) = 1) o";
    assert_eq!(number(&town.fixture.sql, per_workspace).await, 2);
}
