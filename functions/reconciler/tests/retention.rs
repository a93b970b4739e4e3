//! Retention against real Postgres and the simulated carrier.
#![allow(clippy::unwrap_used, reason = "a test may stop where it is")]

use common::signalwire::{Client, MessageRequest};
use common::store::{Retention, Store};
use devstack::fixture::Fixture;
use reconciler::App;
use serde_json::{Value, json};
use simulator::{Fault, Operation};
use std::time::Duration;
use uuid::Uuid;

const NUMBER: &str = "+14055550123";
const CUSTOMER: &str = "+14155551234";

fn kept(body_days: Option<i32>, recording_days: Option<i32>) -> Retention {
    Retention {
        body_days,
        recording_days,
    }
}

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
            leave: common::signalwire::Leave::ask(),
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

    /// A voice message of 40 days ago, as its callbacks left it.
    async fn called(
        &self,
        sid: &str,
        recording: Option<&str>,
        transcription: Option<&str>,
        words: Option<&str>,
    ) {
        let insert = "with thread as (
                insert into conversations (workspace_id, channel, business_phone, customer_phone, snippet) values ($1, 'call', $2, $3, $7)
                on conflict (workspace_id, business_phone, customer_phone, channel) do update set snippet = excluded.snippet returning id)
            insert into conversation_messages (workspace_id, conversation_id, direction, sender_phone, recipient_phone, external_id, status,
                call_recording_url, call_recording_sid, call_transcription_sid, call_transcription, created_at)
            select $1, id, 'inbound', $3, $2, $4, 'completed', 'https://x.example/' || $5, $5, $6, $7, now() - interval '40 days' from thread";
        self.fixture
            .sql
            .execute(
                insert,
                &[
                    &self.workspace,
                    &NUMBER,
                    &CUSTOMER,
                    &sid,
                    &recording,
                    &transcription,
                    &words,
                ],
            )
            .await
            .unwrap();
    }

    /// What the carrier still has of a voice message: its recording, what was understood of it.
    fn carried(&self, recording: &str) -> (bool, bool) {
        let ledger = self.fixture.simulator.ledger();
        (
            ledger.recordings.iter().any(|one| one.sid == recording),
            ledger
                .transcriptions
                .iter()
                .any(|one| one.recording_sid == recording),
        )
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
            .set_retention(desk.workspace, kept(days, days))
            .await
            .unwrap();
        assert_eq!(wrong.is_none(), is_fine, "{days:?}: {wrong:?}");
    }
    assert!(
        desk.store
            .set_retention(Uuid::new_v4(), kept(Some(30), None))
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
        .set_retention(desk.workspace, kept(Some(30), None))
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
        .set_retention(desk.workspace, kept(Some(30), None))
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
        .set_retention(desk.workspace, kept(Some(30), None))
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
    desk.called("CA1", Some("RE1"), None, Some("call me back")).await;
    desk.store
        .set_retention(desk.workspace, kept(None, Some(30)))
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

#[tokio::test]
async fn transcriptions_are_deleted_before_the_recording_that_lists_them() {
    let desk = Desk::open().await;
    let simulator = &desk.fixture.simulator;
    let told = simulator.add_voicemail("CA1", "call me back");
    let untold = simulator.add_voicemail("CA2", "nobody was told this");
    let bare = simulator.add_voicemail("CA3", "whose recording nobody was told of");
    let foreign = simulator.add_voicemail("CA4", "of another workspace");
    let transcription = |recording: &str| {
        let known = simulator.ledger().transcriptions;
        let one = known.into_iter().find(|one| one.recording_sid == recording);
        one.unwrap().sid
    };
    desk.called(
        "CA1",
        Some(&told),
        Some(&transcription(&told)),
        Some("call me back"),
    )
    .await;
    desk.called("CA2", Some(&untold), None, None).await;
    let words = Some("whose recording nobody was told of");
    desk.called("CA3", None, Some(&transcription(&bare)), words).await;
    desk.store
        .set_retention(desk.workspace, kept(None, Some(30)))
        .await
        .unwrap();
    simulator.fail_times(Operation::Transcriptions, Fault::status(500), 3);
    desk.night().await;
    for recording in [&told, &untold, &bare] {
        assert_eq!(
            desk.carried(recording),
            (true, true),
            "the recording waits for its words"
        );
    }
    assert_eq!(
        desk.fixture
            .count("conversation_messages where call_transcription is not null")
            .await,
        0
    );
    assert_eq!(
        desk.fixture
            .count("conversations where snippet is not null")
            .await,
        0
    );
    desk.next().await;
    let report = desk.night().await;
    assert_eq!(report["counts"]["recordings_redacted"], 3, "{report}");
    assert_eq!(
        [&told, &untold, &bare, &foreign].map(|recording| desk.carried(recording)),
        [(false, false), (false, false), (true, false), (true, true)],
        "of a recording that nobody told us of we have no name"
    );
    for sid in ["CA1", "CA2", "CA3"] {
        let row = desk.row(sid).await;
        assert_eq!(
            (&row["call_recording_sid"], &row["call_transcription_sid"]),
            (&Value::Null, &Value::Null)
        );
        assert!(!row["recording_redacted_at"].is_null(), "{sid}");
    }
    let report = desk.night().await;
    assert!(report["counts"]["recordings_redacted"].is_null(), "{report}");
}

#[tokio::test]
async fn what_was_forgotten_is_not_told_again() {
    let desk = Desk::open().await;
    desk.called("CA1", None, None, Some("old secret")).await;
    let reports = [
        (
            "recording",
            json!({ "status": "completed", "url": "https://x.example/r", "recording_sid": "RE1" }),
        ),
        (
            "transcription",
            json!({ "status": "completed", "text": "old secret", "recording_sid": "RE1", "transcription_sid": "T1" }),
        ),
    ];
    let adopted = "insert into parked_reports (kind, external_id, report, workspace_id, adopted_at) values ('transcription', 'CA1', $2, $1, now())";
    desk.fixture
        .sql
        .execute(adopted, &[&desk.workspace, &reports[1].1])
        .await
        .unwrap();
    desk.store
        .set_retention(desk.workspace, kept(None, Some(30)))
        .await
        .unwrap();
    desk.night().await;
    let secrets = [
        "conversation_messages where call_transcription is not null or call_recording_url is not null",
        "conversations where snippet is not null",
        "parked_reports where report::text like '%secret%'",
    ];
    for secret in secrets {
        assert_eq!(desk.fixture.count(secret).await, 0, "{secret}");
    }
    // a signature carries no time: whoever kept these callbacks can send them again
    for (kind, report) in &reports {
        let again = "select record_report($1, null, 'CA1', $2)";
        let told = desk.fixture.sql.query_one(again, &[kind, report]).await.unwrap();
        assert_eq!(told.get::<_, &str>(0), "recorded");
    }
    for secret in secrets {
        assert_eq!(desk.fixture.count(secret).await, 0, "{secret}");
    }
}
