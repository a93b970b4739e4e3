//! What `App::plan` says, and that it does nothing.

use crate::desk::{CUSTOMER, Desk, NUMBER};
use crate::numbers::buy;
use serde_json::{Value, json};
use simulator::{Fault, Operation, PlatformNumber};
use uuid::Uuid;

/// Everything that a run might change.
async fn everything(desk: &Desk) -> Value {
    let mut all = serde_json::Map::new();
    for table in [
        "workspaces",
        "workspace_phone_numbers",
        "provisioning_orders",
        "phone_number_releases",
        "phone_number_readiness",
        "conversations",
        "conversation_messages",
        "status_reports",
        "spare_numbers",
        "unrouted_messages",
        "reconciler_runs",
    ] {
        let rows = desk.fixture.rows(&format!("{table} t order by t::text")).await;
        all.insert(table.to_owned(), json!(rows));
    }
    Value::Object(all)
}

#[tokio::test]
async fn a_plan_says_what_a_run_then_does_and_changes_nothing() {
    let desk = Desk::open().await;
    let simulator = &desk.fixture.simulator;
    let quiet = desk.app.plan().await.unwrap();
    assert_eq!(
        quiet.repairs.len(),
        1,
        "the desk's number has no URLs yet: {quiet}"
    );
    desk.run().await;
    let quiet = desk.app.plan().await.unwrap().to_string();
    assert!(
        quiet.contains("orders due: none\nreleases due: none\n")
            && quiet.contains("2, all as they should be"),
        "{quiet}"
    );

    // an order that is due, a release that is due, a message and a call without an end, an inbound message without a webhook
    let second = desk.fixture.workspace("Beta", "professional", "org_2").await;
    let third = desk.fixture.workspace("Gamma", "professional", "org_3").await;
    let (due, waiting) = (Uuid::now_v7(), Uuid::now_v7());
    let sql = format!(
        "insert into provisioning_orders (id, workspace_id, origin, state, reason) values
            ('{due}', '{third}', 'plan', 'retrying', 'the carrier was away'),
            ('{waiting}', '{second}', 'plan', 'needs_attention', 'gave up');
         insert into workspace_phone_numbers (workspace_id, phone_number, phone_number_sid, number_type, created_at, status)
            values ('{0}', '+14055550188', 'gone', 'sales', now() - interval '1 day', 'active');
         insert into phone_number_releases (phone_number_id, workspace_id, reason, release_at, next_attempt_at)
            select id, workspace_id, 'request', now() - interval '1 minute', now() from workspace_phone_numbers
            where phone_number = '+14055550188'",
        desk.workspace
    );
    desk.fixture.sql.batch_execute(&sql).await.unwrap();
    let sid = desk.carried("Hello").await;
    desk.outbound(Some(&sid), "queued", "Hello", 100.0).await;
    desk.outbound(None, "unknown", "Lost", 300.0).await;
    // the carrier cannot reach us: nothing listens at the test's APP_URL
    simulator.inbound_sms(CUSTOMER, NUMBER, "Are you there?").await;
    // an orphan for an order that waits, one that no order wants, somebody else's, and drift
    buy(&desk, "+14055550155", &format!("Beta [order {waiting}]")).await;
    buy(&desk, "+14055550156", &format!("Old [order {}]", Uuid::now_v7())).await;
    simulator.add_number(&PlatformNumber::new("+14055550199"));
    simulator.configure_number(NUMBER, &[("SmsUrl", "https://elsewhere.example/sms")]);

    let before = (everything(&desk).await, simulator.ledger().numbers.len());
    let asked = simulator.ledger().requests.len();
    let mut text = String::new();
    for _ in 0..2 {
        text = desk.app.plan().await.unwrap().to_string();
    }
    assert_eq!(everything(&desk).await, before.0);
    let ledger = simulator.ledger();
    assert_eq!(ledger.numbers.len(), before.1);
    assert!(
        ledger.requests[asked..]
            .iter()
            .all(|request| request.method == "GET"),
        "a plan only reads"
    );
    for line in [
        "orders due: 1",
        "  Gamma  retrying, tried 0 times: would search for a number and buy it (waits because: the carrier was away)",
        "releases due: 1",
        "+14055550188  Acme  due since",
        "messages and calls without an end, to be asked about: 2",
        "1  sms outbound, queued",
        "1  sms outbound, unknown",
        "inbound messages of two days that no webhook brought: 1",
        "numbers at the carrier: 5, 5 to look at",
        "+14055550188  ghost",
        "+14055550155  orphan: bought, but on nobody's row; would go to the order in its name",
        "+14055550156  orphan: its order has no use for it",
        "+14055550199  not ours",
        "+14055550123  drift",
        "Nothing was changed.",
    ] {
        assert!(text.contains(line), "{line} is not in:\n{text}");
    }

    let report = desk.run().await;
    for (what, count) in [
        ("orders_completed", 2),
        ("numbers_released", 1),
        ("messages_asked_about", 2),
        ("inbound_filled_in", 1),
        ("orphans_adopted", 1),
        ("spares_kept", 1),
        ("numbers_not_ours", 1),
        ("webhooks_repaired", 1),
    ] {
        assert_eq!(report["counts"][what], count, "{what} in {report}");
    }
}

#[tokio::test]
async fn a_plan_says_what_it_could_not_find_out() {
    let desk = Desk::open().await;
    let simulator = &desk.fixture.simulator;
    simulator.fail_times(Operation::Any, Fault::status(503), 100);
    let text = desk.app.plan().await.unwrap().to_string();
    assert!(
        text.contains("not found out: numbers were not compared: "),
        "{text}"
    );
    assert!(
        text.contains("not found out: messages were not compared: "),
        "{text}"
    );
}
