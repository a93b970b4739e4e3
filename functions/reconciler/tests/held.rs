//! Messages that were held for quiet hours.
#![allow(clippy::unwrap_used, reason = "a test may stop where it is")]

use devstack::fixture::Fixture;
use reconciler::App;
use serde_json::{Value, json};
use simulator::{Fault, Operation, When};
use uuid::Uuid;

const NUMBER: &str = "+14055550123";
const CUSTOMER: &str = "+14155551234";
const DUE: &str =
    "update conversation_messages set send_after = now() - interval '1 second' where send_after is not null";

struct Desk {
    fixture: Fixture,
    app: App,
    workspace: Uuid,
}

impl Desk {
    async fn open() -> Self {
        let fixture = Fixture::start().await;
        let workspace = fixture.workspace("Acme", "professional", "org_1").await;
        fixture.number(workspace, NUMBER, "primary").await;
        let app = App::start_with(fixture.settings()).await.unwrap();
        Self {
            fixture,
            app,
            workspace,
        }
    }

    async fn execute(&self, sql: &str) {
        self.fixture.sql.batch_execute(sql).await.unwrap();
    }

    /// Quiet all day but for a microsecond, or not at all.
    async fn quiet(&self, is_quiet: bool) {
        let window = if is_quiet {
            "'00:00:00.000001', quiet_until = '00:00'"
        } else {
            "null"
        };
        self.execute(&format!("update tier_limits set quiet_from = {window}"))
            .await;
    }

    /// A message as outbound-send holds it.
    async fn hold(&self, body: &str) -> Uuid {
        self.quiet(true).await;
        let id = Uuid::now_v7();
        let begin = "select outcome from begin_outbound($1, 'org_1', null, 'messages:write', $2, null, '\\x00', 'sms', $3, $4, '[]', 1, null,
                     '+14056940235', null, null, now(), null, 'hold')";
        let row = self
            .fixture
            .sql
            .query_one(begin, &[&self.workspace, &id, &CUSTOMER, &body])
            .await
            .unwrap();
        assert_eq!(row.get::<_, &str>(0), "held");
        self.quiet(false).await;
        id
    }

    async fn run(&self) -> Value {
        self.app.handle(&json!({})).await.unwrap()
    }

    async fn row(&self, id: Uuid) -> Value {
        self.fixture
            .row(&format!("conversation_messages where id = '{id}'"))
            .await
    }

    fn carried(&self) -> usize {
        self.fixture.simulator.ledger().messages.len()
    }
}

#[tokio::test]
async fn what_is_due_is_sent_once_whoever_runs() {
    let desk = Desk::open().await;
    let ids = [desk.hold("One").await, desk.hold("Two").await];
    desk.run().await;
    assert_eq!(desk.carried(), 0, "its time has not come");
    assert_eq!(desk.row(ids[0]).await["status"], "queued");
    desk.execute(DUE).await;
    let payload = json!({});
    let (one, two, three) = tokio::join!(
        desk.app.handle(&payload),
        desk.app.handle(&payload),
        desk.app.handle(&payload)
    );
    for report in [one, two, three] {
        assert_eq!(report.unwrap()["problems"], json!([]));
    }
    desk.run().await;
    assert_eq!(desk.carried(), 2);
    desk.fixture.simulator.settle().await;
    for id in ids {
        let row = desk.row(id).await;
        assert!(
            row["external_id"].is_string() && row["send_after"].is_null(),
            "{row}"
        );
    }
    assert_eq!(
        desk.fixture.simulator.ledger().messages[0].params.get("MaxPrice"),
        Some("0.05")
    );
}

#[tokio::test]
async fn what_may_not_go_any_more_does_not() {
    for (change, why) in [
        (
            "select record_consent((select id from workspaces), '+14055550123', '+14155551234', true, 'STOP', 'SM1', now())",
            "the customer opted out before it was sent",
        ),
        (
            "update tier_limits set sending_enabled = false",
            "sending was disabled before it was sent",
        ),
        (
            "update workspaces set is_active = false",
            "the workspace was deleted before it was sent",
        ),
        (
            "update workspace_phone_numbers set status = 'suspended'",
            "its number went before it was sent",
        ),
    ] {
        let desk = Desk::open().await;
        let id = desk.hold("Hello").await;
        desk.execute(DUE).await;
        desk.execute(change).await;
        for _ in 0..2 {
            desk.run().await;
            let row = desk.row(id).await;
            assert_eq!(
                (&row["status"], &row["error_message"]),
                (&"failed".into(), &why.into())
            );
        }
        assert_eq!(desk.carried(), 0, "{why}");
    }
}

#[tokio::test]
async fn quiet_hours_that_were_changed_hold_on() {
    let desk = Desk::open().await;
    let id = desk.hold("Hello").await;
    desk.execute(DUE).await;
    desk.quiet(true).await;
    desk.run().await;
    assert_eq!(
        (desk.carried(), &desk.row(id).await["status"]),
        (0, &"queued".into())
    );
    desk.quiet(false).await;
    desk.execute(DUE).await;
    desk.run().await;
    assert_eq!(desk.carried(), 1);
}

#[tokio::test]
async fn a_carrier_that_asks_to_wait_gets_it_later_once() {
    let desk = Desk::open().await;
    let id = desk.hold("Hello").await;
    desk.execute(DUE).await;
    desk.fixture
        .simulator
        .fail_next(Operation::SendMessage, Fault::status(429));
    let report = desk.run().await;
    assert_eq!(report["complete"], false, "{report}");
    let row = desk.row(id).await;
    assert!(
        row["send_after"].is_string() && row["status"] == "queued",
        "{row}"
    );
    assert_eq!(desk.carried(), 0);
    desk.execute(DUE).await;
    desk.run().await;
    desk.run().await;
    assert_eq!(desk.carried(), 1);
}

#[tokio::test]
async fn a_lost_answer_or_a_dead_taker_is_settled_by_asking() {
    // the carrier took it and its answer was lost: found, never sent again
    let desk = Desk::open().await;
    let lost = desk.hold("Lost").await;
    desk.execute("update conversation_messages set created_at = created_at - interval '11 hours'")
        .await;
    desk.execute(DUE).await;
    desk.fixture
        .simulator
        .fail_next(Operation::SendMessage, Fault::Close { when: When::After });
    desk.run().await;
    assert_eq!(desk.carried(), 1);
    desk.fixture.simulator.settle().await;
    desk.execute("update conversation_messages set checked_at = null")
        .await;
    desk.run().await;
    let row = desk.row(lost).await;
    assert!(row["external_id"].is_string(), "{row}");
    assert_eq!(desk.carried(), 1);
    // whoever took it died before it asked the carrier: it is not there, so it is sent once more
    let dead = desk.hold("Dead").await;
    desk.execute(DUE).await;
    let taken = desk
        .fixture
        .sql
        .query_one("select outcome, id from release_held()", &[])
        .await
        .unwrap();
    assert_eq!((taken.get::<_, &str>(0), taken.get::<_, Uuid>(1)), ("send", dead));
    desk.run().await;
    assert_eq!(desk.carried(), 1, "its taker may still be at work");
    desk.execute(&format!(
        "update conversation_messages set released_at = now() - interval '5 minutes', checked_at = null where id = '{dead}'"
    ))
    .await;
    desk.run().await;
    desk.run().await;
    desk.run().await;
    assert_eq!(desk.carried(), 2);
    assert!(desk.row(dead).await["external_id"].is_string());
}
