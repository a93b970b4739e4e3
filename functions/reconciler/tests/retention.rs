//! Retention against real Postgres and the simulated carrier.
#![allow(clippy::unwrap_used, reason = "a test may stop where it is")]

use common::signalwire::{Client, MessageRequest};
use common::store::Store;
use devstack::fixture::Fixture;
use reconciler::App;
use serde_json::{Value, json};
use simulator::{Fault, Operation};
use std::time::Duration;
use uuid::Uuid;

const NUMBER: &str = "+14055550123";
const CUSTOMER: &str = "+14155551234";

struct Desk {
    fixture: Fixture,
    app: App,
    store: Store,
    workspace: Uuid,
}

impl Desk {
    async fn open() -> Self {
        let fixture = Fixture::start().await;
        let workspace = fixture.workspace("Acme", "professional", "org_1").await;
        fixture.number(workspace, NUMBER, "primary").await;
        let app = App::start_with(fixture.settings()).await.unwrap();
        // how long is kept, operators say, as the schema's owner
        let owner = fixture.settings().with("DATABASE_URL", fixture.database.url());
        let store = Store::from_settings(&owner, Duration::from_secs(8)).unwrap();
        Self {
            fixture,
            app,
            store,
            workspace,
        }
    }

    /// A message that was sent so many days ago, here and at the carrier; gives its SID.
    async fn sent(&self, body: &str, media: &[String], days_ago: i32) -> String {
        let client = Client::from_settings(&self.fixture.settings()).unwrap();
        let request = MessageRequest {
            from: NUMBER,
            to: CUSTOMER,
            body,
            media_urls: media,
            status_callback: "http://127.0.0.1:9/lost",
            max_price: None,
        };
        let sid = client.send_message(&request).await.unwrap().sid;
        self.fixture.simulator.settle().await;
        let attachments: Value = media.iter().map(|url| json!({ "url": url })).collect();
        let insert = "with thread as (
                insert into conversations (workspace_id, channel, business_phone, customer_phone, snippet) values ($1, 'sms', $2, $3, $5)
                on conflict (workspace_id, business_phone, customer_phone, channel) do update set snippet = excluded.snippet returning id)
            insert into conversation_messages
                (workspace_id, conversation_id, direction, body, sender_phone, recipient_phone, external_id, status, attachments, created_at)
            select $1, id, 'outbound', $5, $2, $3, $4, 'delivered', $6, now() - make_interval(days => $7) from thread";
        self.fixture
            .sql
            .execute(
                insert,
                &[
                    &self.workspace,
                    &NUMBER,
                    &CUSTOMER,
                    &sid,
                    &body,
                    &attachments,
                    &days_ago,
                ],
            )
            .await
            .unwrap();
        sid
    }

    async fn night(&self) -> Value {
        let event = json!({ "resources": ["arn:aws:events:eu-west-1:1:rule/x-nightly"] });
        self.app.handle(&event).await.unwrap()
    }

    async fn row(&self, sid: &str) -> Value {
        self.fixture
            .row(&format!("conversation_messages where external_id = '{sid}'"))
            .await
    }

    fn at_carrier(&self, sid: &str) -> simulator::MessageRecord {
        self.fixture
            .simulator
            .messages(|message| message.sid == sid)
            .remove(0)
    }

    /// The next night.
    async fn next(&self) {
        let later =
            "update conversation_messages set redaction_tried_at = redaction_tried_at - interval '1 day'";
        self.fixture.sql.execute(later, &[]).await.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_forgotten_until_a_workspace_says_so() {
    let desk = Desk::open().await;
    let sid = desk.sent("keep me", &[], 3000).await;
    desk.night().await;
    assert_eq!(desk.row(&sid).await["body"], "keep me");
    assert_eq!(desk.at_carrier(&sid).body, "keep me");
    for (days, is_fine) in [
        (Some(2), false),
        (Some(0), false),
        (Some(3651), false),
        (Some(3), true),
        (None, true),
    ] {
        let wrong = desk
            .store
            .set_retention(desk.workspace, days, days)
            .await
            .unwrap();
        assert_eq!(wrong.is_none(), is_fine, "{days:?}: {wrong:?}");
    }
    assert!(
        desk.store
            .set_retention(Uuid::new_v4(), Some(30), None)
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn texts_and_media_are_forgotten_here_and_at_the_carrier() {
    let desk = Desk::open().await;
    let media = ["https://x.example/a.png".to_owned()];
    let fresh = desk.sent("fresh", &[], 29).await;
    let old = desk.sent("old secret", &media, 31).await;
    desk.store
        .set_retention(desk.workspace, Some(30), None)
        .await
        .unwrap();
    let key = "insert into idempotency_keys (workspace_id, key, request_hash, message_id, answer)
               select $1, 'k', '\\x00', id, '{\"status\":201,\"body\":{\"body\":\"old secret\",\"sid\":\"x\"}}' from conversation_messages where external_id = $2";
    desk.fixture
        .sql
        .execute(key, &[&desk.workspace, &old])
        .await
        .unwrap();
    let report = desk.night().await;
    assert_eq!(report["counts"]["messages_redacted"], 1, "{report}");
    let row = desk.row(&old).await;
    assert_eq!(
        (
            &row["body"],
            &row["attachments"],
            row["body_redacted_at"].is_null()
        ),
        (&json!(""), &json!([]), false)
    );
    let carried = desk.at_carrier(&old);
    assert_eq!((carried.body.as_str(), carried.media.len()), ("", 0));
    assert_eq!(desk.row(&fresh).await["body"], "fresh");
    assert_eq!(desk.at_carrier(&fresh).body, "fresh");
    assert_eq!(
        desk.fixture
            .count("conversations where snippet like '%secret%'")
            .await,
        0
    );
    assert_eq!(
        desk.fixture
            .count("idempotency_keys where answer::text like '%secret%'")
            .await,
        0
    );
    // another night finds nothing
    let report = desk.night().await;
    assert!(report["counts"]["messages_redacted"].is_null(), "{report}");
}

#[tokio::test]
async fn what_the_carrier_would_not_forget_comes_again() {
    let desk = Desk::open().await;
    let sid = desk.sent("secret", &[], 40).await;
    desk.store
        .set_retention(desk.workspace, Some(30), None)
        .await
        .unwrap();
    desk.fixture
        .simulator
        .fail_next(Operation::UpdateMessage, Fault::status(500));
    let report = desk.night().await;
    assert_eq!(report["complete"], false, "{report}");
    let row = desk.row(&sid).await;
    assert_eq!(
        (&row["body"], row["body_redacted_at"].is_null()),
        (&json!(""), true),
        "here it is gone at once"
    );
    assert_eq!(desk.at_carrier(&sid).body, "secret");
    desk.next().await;
    desk.night().await;
    assert!(!desk.row(&sid).await["body_redacted_at"].is_null());
    assert_eq!(desk.at_carrier(&sid).body, "");
    // a message that the carrier no longer knows is forgotten
    let insert = "insert into conversation_messages (workspace_id, conversation_id, direction, body, sender_phone, recipient_phone, external_id, status, created_at)
        select workspace_id, conversation_id, direction, 'gone', sender_phone, recipient_phone, 'SMgone', status, created_at from conversation_messages limit 1";
    desk.fixture.sql.execute(insert, &[]).await.unwrap();
    desk.night().await;
    assert!(!desk.row("SMgone").await["body_redacted_at"].is_null());
}

#[tokio::test]
async fn a_carrier_that_is_ill_is_not_asked_about_everything() {
    let desk = Desk::open().await;
    for at in 0..8 {
        desk.sent(&format!("secret {at}"), &[], 40).await;
    }
    desk.store
        .set_retention(desk.workspace, Some(30), None)
        .await
        .unwrap();
    desk.fixture
        .simulator
        .fail_always(Operation::UpdateMessage, Fault::status(500));
    desk.night().await;
    assert_eq!(
        desk.fixture.count("conversation_messages where body = ''").await,
        3
    );
    desk.fixture.simulator.clear_faults();
    desk.next().await;
    desk.night().await;
    assert_eq!(
        desk.fixture
            .count("conversation_messages where body_redacted_at is not null")
            .await,
        8
    );
}

#[tokio::test]
async fn recordings_are_deleted() {
    let desk = Desk::open().await;
    let call = "with thread as (
            insert into conversations (workspace_id, channel, business_phone, customer_phone) values ($1, 'call', $2, $3) returning id)
        insert into conversation_messages (workspace_id, conversation_id, direction, sender_phone, recipient_phone, external_id, status,
            call_recording_url, call_recording_sid, call_transcription, created_at)
        select $1, id, 'inbound', $3, $2, 'CA1', 'completed', 'https://x.example/r', 'RE1', 'call me back', now() - interval '40 days' from thread";
    desk.fixture
        .sql
        .execute(call, &[&desk.workspace, &NUMBER, &CUSTOMER])
        .await
        .unwrap();
    desk.store
        .set_retention(desk.workspace, None, Some(30))
        .await
        .unwrap();
    desk.fixture
        .simulator
        .fail_next(Operation::Recordings, Fault::status(500));
    desk.night().await;
    let row = desk.row("CA1").await;
    assert_eq!(
        (&row["call_transcription"], &row["call_recording_sid"]),
        (&Value::Null, &json!("RE1"))
    );
    desk.next().await;
    let report = desk.night().await;
    assert_eq!(report["counts"]["recordings_redacted"], 1, "{report}");
    let row = desk.row("CA1").await;
    assert_eq!(
        (&row["call_recording_url"], &row["call_recording_sid"]),
        (&Value::Null, &Value::Null)
    );
    assert!(!row["recording_redacted_at"].is_null());
}
