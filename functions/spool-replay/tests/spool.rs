//! Postgres goes away: nothing is lost, and what comes back is stored once. The queue is an emulator over HTTP.
#![allow(clippy::unwrap_used, reason = "a test may stop where it is")]

use aws_lambda_events::sqs::SqsEvent;
use devstack::fixture::{Fixture, text};
use lambda_http::{Body, Request, Response};
use serde_json::json;
use testkit::aws::Aws;
use testkit::proxy::Proxy;
use uuid::Uuid;

const NUMBER: &str = "+14055550123";
const CUSTOMER: &str = "+14155551234";

struct Desk {
    fixture: Fixture,
    proxy: Proxy,
    aws: &'static Aws,
    queue: String,
    workspace: Uuid,
    sms: sms_webhook::App,
    voice: voice_webhook::App,
    status: status_callback::App,
    fallback: webhook_fallback::App,
    replay: spool_replay::App,
}

impl Desk {
    async fn open(queue: &str) -> Self {
        let aws = Aws::shared().await;
        let queue = aws.create_queue(queue).await.unwrap();
        Self::open_at(aws, queue.clone(), &aws.endpoint_url()).await
    }

    async fn open_at(aws: &'static Aws, queue: String, endpoint: &str) -> Self {
        let mut fixture = Fixture::of("spool-replay").await;
        let proxy = Proxy::start(&fixture.database_url()).unwrap();
        let url = proxy.url(&fixture.database_url());
        for (name, value) in [
            ("DATABASE_URL", url.as_str()),
            ("SPOOL_QUEUE_URL", &queue),
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_REGION", "us-east-1"),
        ] {
            fixture.set(name, value);
        }
        let workspace = fixture.workspace("Acme", "professional", "org_1").await;
        fixture.number(workspace, NUMBER, "primary").await;
        let settings = || fixture.settings();
        let (sms, voice) = (
            sms_webhook::App::start_with(settings()).await.unwrap(),
            voice_webhook::App::start_with(settings()).await.unwrap(),
        );
        let (status, fallback) = (
            status_callback::App::start_with(settings()).await.unwrap(),
            webhook_fallback::App::start_with(settings()).await.unwrap(),
        );
        let replay = spool_replay::App::start_with(settings()).await.unwrap();
        Self {
            fixture,
            proxy,
            aws,
            queue,
            workspace,
            sms,
            voice,
            status,
            fallback,
            replay,
        }
    }

    fn message(&self, sid: &str, body: &str) -> Request {
        self.fixture.webhook(
            "/api/webhooks/signalwire/sms",
            &[
                ("MessageSid", sid),
                ("From", CUSTOMER),
                ("To", NUMBER),
                ("Body", body),
            ],
        )
    }

    fn hook(&self, path: &str, fields: &[(&str, &str)]) -> Request {
        self.fixture
            .webhook(&format!("/api/webhooks/signalwire/{path}"), fields)
    }

    /// What a caller hears, by the first path or the second.
    async fn call_answer(&self, path: &str) -> (u16, String) {
        let fields = [
            ("CallSid", "C1"),
            ("From", CUSTOMER),
            ("To", NUMBER),
            ("CallStatus", "ringing"),
        ];
        let request = self.hook(path, &fields);
        let response = match path {
            "voice" => self.voice.handle(request).await,
            _ => self.fallback.handle(request).await,
        };
        (response.status().as_u16(), text(&response).to_owned())
    }

    async fn away(&self, away: bool) {
        self.proxy.refuse(away).await.unwrap();
        if away {
            self.proxy.reset_all();
        }
    }

    /// Everything in the queue, in order of arrival; taken out.
    async fn drain(&self) -> Vec<String> {
        let mut bodies = Vec::new();
        loop {
            let messages = self.aws.receive(&self.queue).await.unwrap();
            if messages.is_empty() {
                return bodies;
            }
            for message in messages {
                self.aws.delete(&self.queue, &message.receipt).await.unwrap();
                bodies.push(message.body);
            }
        }
    }

    /// Replays bodies; gives how many have to come again.
    async fn replayed(&self, bodies: &[String]) -> usize {
        let ids: Vec<String> = (0..bodies.len()).map(|at| format!("r{at}")).collect();
        let records: Vec<(&str, &str)> = ids
            .iter()
            .map(String::as_str)
            .zip(bodies.iter().map(String::as_str))
            .collect();
        let event: SqsEvent = serde_json::from_value(testkit::runtime_api::sqs_event(&records)).unwrap();
        self.replay.handle(event).await.batch_item_failures.len()
    }
}

fn answered(response: &Response<Body>) -> (u16, &str) {
    (response.status().as_u16(), text(response))
}

#[tokio::test]
async fn messages_wait_and_are_stored_once_in_any_order() {
    let desk = Desk::open("spool-messages").await;
    desk.away(true).await;
    for (sid, body) in [("S1", "one"), ("S2", "two\0"), ("S3", "three"), ("S1", "one")] {
        assert_eq!(
            answered(&desk.sms.handle(desk.message(sid, body)).await),
            (200, "<Response/>")
        );
    }
    let mut bodies = desk.drain().await;
    assert_eq!(bodies.len(), 4);
    assert_eq!(
        desk.replayed(&bodies).await,
        4,
        "still away: all have to come again"
    );
    desk.away(false).await;
    bodies.reverse();
    for _ in 0..2 {
        assert_eq!(desk.replayed(&bodies).await, 0);
        assert_eq!(desk.fixture.count("conversation_messages").await, 3);
        let thread = desk.fixture.row("conversations").await;
        assert_eq!(
            (&thread["unread_count"], &thread["workspace_id"]),
            (&3.into(), &json!(desk.workspace))
        );
        assert_eq!(
            desk.fixture
                .row("conversation_messages where external_id = 'S2'")
                .await["body"],
            "two\u{fffd}"
        );
    }
}

#[tokio::test]
async fn consent_follows_the_time_of_arrival() {
    let desk = Desk::open("spool-consent").await;
    desk.away(true).await;
    assert_eq!(
        answered(&desk.sms.handle(desk.message("S1", "STOP")).await),
        (200, "<Response/>"),
        "not acknowledged before it binds"
    );
    desk.away(false).await;
    let started = desk.sms.handle(desk.message("S2", "START")).await;
    assert!(text(&started).contains("<Message>"));
    let bodies = desk.drain().await;
    assert_eq!(desk.replayed(&bodies).await, 0);
    assert_eq!(
        desk.fixture.row("opt_outs").await["opted_out"],
        false,
        "the later word rules"
    );
    assert_eq!(desk.fixture.count("opt_out_changes").await, 2);
}

#[tokio::test]
async fn callers_get_voicemail_and_the_call_is_stored_later() {
    let desk = Desk::open("spool-calls").await;
    desk.away(true).await;
    let call = [
        ("CallSid", "C1"),
        ("From", CUSTOMER),
        ("To", NUMBER),
        ("CallStatus", "ringing"),
    ];
    let answer = desk.voice.handle(desk.hook("voice", &call)).await;
    assert_eq!(answer.status(), 200);
    assert!(
        text(&answer).contains("<Record ") && text(&answer).contains("call=C1"),
        "{}",
        text(&answer)
    );
    let missed = [
        ("CallSid", "C1"),
        ("From", CUSTOMER),
        ("To", NUMBER),
        ("DialCallStatus", "no-answer"),
    ];
    assert!(text(&desk.voice.handle(desk.hook("voice/dial-result", &missed)).await).contains("<Record "));
    let recording = [
        ("CallSid", "C1"),
        ("RecordingSid", "R1"),
        ("RecordingStatus", "completed"),
        ("RecordingUrl", "https://x.example/R1"),
    ];
    assert_eq!(
        answered(
            &desk
                .status
                .handle(desk.hook("status/recording", &recording))
                .await
        ),
        (200, "<Response/>")
    );
    let ended = [
        ("CallSid", "C1"),
        ("From", CUSTOMER),
        ("To", NUMBER),
        ("CallStatus", "completed"),
        ("CallDuration", "31"),
    ];
    assert_eq!(
        answered(&desk.status.handle(desk.hook("status", &ended)).await),
        (200, "<Response/>")
    );
    // a call of ours has nothing to say, and nothing to store
    let script = desk
        .voice
        .handle(desk.hook(&format!("voice/outbound/{}", Uuid::now_v7()), &ended))
        .await;
    assert_eq!(script.status(), 503);
    let bodies = desk.drain().await;
    assert_eq!(bodies.len(), 4);
    desk.away(false).await;
    // every order of the four ends in the same row
    let mut orders = 0;
    for first in 0..4 {
        for second in (0..4).filter(|at| *at != first) {
            let mut order: Vec<usize> = vec![first, second];
            order.extend((0..4).filter(|at| *at != first && *at != second));
            for at in order {
                assert_eq!(desk.replayed(&bodies[at..=at]).await, 0);
            }
            let row = desk.fixture.row("conversation_messages").await;
            assert_eq!(
                (&row["status"], &row["call_duration"], &row["call_recording_url"]),
                (&"completed".into(), &31.into(), &"https://x.example/R1".into()),
                "{first} {second}"
            );
            assert_eq!(row["dial_status"], "no-answer");
            assert_eq!(row["may_text_back"], true);
            desk.fixture
                .sql
                .batch_execute(
                    "truncate conversation_messages, conversations, status_reports, parked_reports cascade",
                )
                .await
                .unwrap();
            orders += 1;
        }
    }
    assert_eq!(orders, 12);
}

#[tokio::test]
async fn the_fallback_path_never_touches_the_database() {
    let desk = Desk::open("spool-fallback").await;
    let before = desk.proxy.counts();
    let sms = [
        ("MessageSid", "S1"),
        ("From", CUSTOMER),
        ("To", NUMBER),
        ("Body", "Hi"),
    ];
    assert_eq!(
        answered(&desk.fallback.handle(desk.hook("fallback/sms", &sms)).await),
        (200, "<Response/>")
    );
    let call = [
        ("CallSid", "C1"),
        ("From", "anonymous"),
        ("To", NUMBER),
        ("CallStatus", "ringing"),
    ];
    assert!(text(&desk.fallback.handle(desk.hook("fallback/voice", &call)).await).contains("<Record "));
    let missed = [("CallSid", "C1"), ("DialCallStatus", "busy")];
    assert!(text(&desk.fallback.handle(desk.hook("fallback/voice", &missed)).await).contains("<Record "));
    let recorded = [("CallSid", "C1"), ("RecordingUrl", "https://x.example/R1")];
    assert!(text(&desk.fallback.handle(desk.hook("fallback/voice", &recorded)).await).contains("<Hangup/>"));
    // refusals
    assert_eq!(
        desk.fallback
            .handle(desk.hook(
                "fallback/sms",
                &[("MessageSid", "S1"), ("From", "x"), ("To", NUMBER)]
            ))
            .await
            .status(),
        400
    );
    assert_eq!(
        desk.fallback
            .handle(desk.hook("fallback/else", &sms))
            .await
            .status(),
        404
    );
    assert_eq!(
        desk.fallback
            .handle(desk.hook("fallback/sms", &[("AccountSid", "other"), ("MessageSid", "S1")]))
            .await
            .status(),
        403
    );
    let unsigned = testkit::runtime_api::http_event(
        "POST",
        "/api/webhooks/signalwire/fallback/sms",
        "",
        &[("content-type", "application/x-www-form-urlencoded")],
        b"MessageSid=S9",
    );
    assert_eq!(
        desk.fallback
            .handle(devstack::fixture::request(unsigned))
            .await
            .status(),
        403
    );
    let after = desk.proxy.counts();
    assert_eq!(
        (before.connections, before.bytes_to_server),
        (after.connections, after.bytes_to_server)
    );
    let bodies = desk.drain().await;
    assert_eq!(bodies.len(), 4);
    for _ in 0..2 {
        assert_eq!(desk.replayed(&bodies).await, 0);
        assert_eq!(desk.fixture.count("conversation_messages").await, 2);
        assert_eq!(
            desk.fixture
                .row("conversation_messages where external_id = 'C1'")
                .await["call_recording_url"],
            "https://x.example/R1"
        );
    }
}

#[tokio::test]
async fn with_the_queue_away_too_the_carrier_is_told() {
    let aws = Aws::shared().await;
    let desk = Desk::open_at(aws, "http://127.0.0.1:9/0/spool".into(), "http://127.0.0.1:9").await;
    desk.away(true).await;
    assert_eq!(desk.sms.handle(desk.message("S1", "Hi")).await.status(), 503);
    assert_eq!(
        desk.fallback
            .handle(desk.hook(
                "fallback/sms",
                &[("MessageSid", "S1"), ("From", CUSTOMER), ("To", NUMBER)]
            ))
            .await
            .status(),
        503
    );
    // a caller hears something even so, should the carrier read it
    for (status, answer) in [
        desk.call_answer("voice").await,
        desk.call_answer("fallback/voice").await,
    ] {
        assert_eq!(status, 503);
        assert!(answer.contains("<Record"), "{answer}");
    }
    desk.away(false).await;
    assert_eq!(desk.sms.handle(desk.message("S1", "Hi")).await.status(), 200);
}

#[tokio::test]
async fn poison_is_parked_alone() {
    let desk = Desk::open("spool-poison").await;
    let good = serde_json::to_string(&json!({
        "path": "/api/webhooks/signalwire/sms", "query": "", "contentType": "application/x-www-form-urlencoded", "receivedAt": "2026-01-01T00:00:00Z",
        "body": base64("MessageSid=S1&From=%2B14155551234&To=%2B14055550123&Body=Hi")
    })).unwrap();
    let nowhere = good.replace("signalwire/sms", "signalwire/nowhere");
    let malformed = good.replace(
        &base64("MessageSid=S1&From=%2B14155551234&To=%2B14055550123&Body=Hi"),
        &base64("MessageSid=S1&From=x&To=y"),
    );
    for _ in 0..2 {
        assert_eq!(
            desk.replayed(&[
                "not json".into(),
                good.clone(),
                nowhere.clone(),
                malformed.clone()
            ])
            .await,
            0
        );
        assert_eq!(
            (
                desk.fixture.count("parked_events").await,
                desk.fixture.count("conversation_messages").await
            ),
            (3, 1)
        );
    }
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}
