//! What does not get in, each beside what does, and a database that is away.

use crate::support::{Desk, PATH};
use devstack::fixture::{APP_URL, form, request, text};
use simulator::{Params, sign_form, sign_json};
use std::time::{Duration, Instant};
use testkit::runtime_api::http_event;

const FIELDS: [(&str, &str); 2] = [("MessageSid", "SM1"), ("MessageStatus", "delivered")];

#[tokio::test]
async fn what_is_not_signed_is_refused_without_a_byte_to_postgres() {
    let (desk, proxy) = Desk::open_behind_proxy().await;
    let body = form(&FIELDS);
    let json = br#"{"id":"SM1","status":"delivered"}"#;
    let url = format!("{APP_URL}{PATH}");
    let key = &desk.fixture.simulator.config().signing_key;
    let of_another_body = sign_json(key, &url, b"{}");
    let upper = sign_json(key, &url, json).to_uppercase();
    let url_only = sign_form(key, &url, &Params::default());
    let tries: [(&str, &[u8], Option<&str>); 8] = [
        ("application/x-www-form-urlencoded", body.as_bytes(), None),
        (
            "application/x-www-form-urlencoded",
            body.as_bytes(),
            Some("AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ),
        (
            "application/x-www-form-urlencoded",
            body.as_bytes(),
            Some(&url_only),
        ),
        ("application/json", json, None),
        (
            "application/json",
            json,
            Some("0000000000000000000000000000000000000000"),
        ),
        ("application/json", json, Some(&of_another_body)),
        ("application/json", json, Some(&upper)),
        ("application/json", json, Some(&url_only)),
    ];
    for (kind, body, signature) in tries {
        let mut headers = vec![("content-type", kind)];
        headers.extend(signature.map(|signature| ("x-signalwire-signature", signature)));
        let response = desk
            .app
            .handle(request(http_event("POST", PATH, "", &headers, body)))
            .await;
        assert_eq!(
            (response.status().as_u16(), text(&response)),
            (403, ""),
            "{kind} {signature:?}"
        );
    }
    // our id in the URL is signed too
    let event = desk.fixture.webhook_event(PATH, "", &FIELDS);
    let mut moved = event.clone();
    moved["rawPath"] = format!("{PATH}/{}", uuid::Uuid::nil()).into();
    assert_eq!(desk.app.handle(request(moved)).await.status(), 403);
    assert_eq!(
        desk.status(
            PATH,
            &[
                ("AccountSid", "another"),
                ("MessageSid", "SM1"),
                ("MessageStatus", "sent")
            ]
        )
        .await,
        403
    );
    assert_eq!(
        desk.json(PATH, r#"{"project_id":"another","id":"SM1","status":"sent"}"#)
            .await
            .status(),
        403
    );
    assert_eq!(
        desk.status(PATH, &[("MessageSid", "SM1"), ("Body", &"a".repeat(70_000))])
            .await,
        413
    );
    assert_eq!(proxy.counts().bytes_to_server, 0);
    assert_eq!(desk.app.handle(request(event)).await.status(), 200);
    assert_eq!(desk.fixture.count("parked_reports").await, 1);
}

#[tokio::test]
async fn what_is_no_report_is_a_400() {
    let desk = Desk::open().await;
    let bad: &[&[(&str, &str)]] = &[
        &[],
        &[("hello", "")],
        &[("MessageSid", "SM1")],
        &[("MessageStatus", "sent")],
        &[("MessageSid", "S M"), ("MessageStatus", "sent")],
        &[("CallSid", "CA1")],
        &[("CallSid", ""), ("CallStatus", "completed")],
        &[("RecordingStatus", "completed"), ("RecordingSid", "R1")],
        &[("TranscriptionSid", "T1"), ("TranscriptionText", "hi")],
    ];
    for fields in bad {
        assert_eq!(desk.status(PATH, fields).await, 400, "{fields:?}");
    }
    for body in [
        "{",
        "[]",
        "null",
        "{}",
        r#"{"id":"a1"}"#,
        r#"{"status":"sent"}"#,
        r#"{"id":1,"status":2}"#,
        r#"{"event_type":1}"#,
    ] {
        assert_eq!(desk.json(PATH, body).await.status(), 400, "{body}");
    }
    assert!(desk.everything().await.is_empty());
}

#[tokio::test]
async fn odd_values_are_stored_and_never_an_error() {
    let desk = Desk::open().await;
    desk.outbound("sms", Some("SM1")).await;
    desk.outbound("call", Some("CA1")).await;
    let long = "x".repeat(5000);
    let odd: &[&[(&str, &str)]] = &[
        &[
            ("MessageSid", "SM1"),
            ("MessageStatus", "a\0b"),
            ("ErrorCode", "c\0d"),
        ],
        &[
            ("MessageSid", "SM1"),
            ("MessageStatus", &long),
            ("ErrorCode", &long),
        ],
        &[
            ("MessageSid", "SM1"),
            ("MessageStatus", "failed"),
            ("ErrorCode", "not a number"),
            ("NumSegments", "-1"),
        ],
        &[
            ("MessageSid", "SM1"),
            ("MessageStatus", "sent"),
            ("NumSegments", "99999999999999"),
            ("Timestamp", "\0"),
        ],
        &[("MessageSid", "SM1"), ("MessageStatus", "SENT")],
        &[
            ("CallSid", "CA1"),
            ("CallStatus", "\u{1f4de}"),
            ("CallDuration", "1e9"),
            ("SequenceNumber", "NaN"),
        ],
        &[
            ("CallSid", "CA1"),
            ("CallStatus", "completed"),
            ("CallDuration", "2147483647"),
            ("SequenceNumber", "2147483648"),
        ],
        &[
            ("CallSid", "CA1"),
            ("RecordingSid", ""),
            ("RecordingStatus", "completed"),
            ("RecordingUrl", ""),
        ],
    ];
    for fields in odd {
        desk.report(fields).await;
    }
    let weird = r#"{"id":"SM1","status":"se\u0000nt","error_code":{"a":1},"number_of_segments":1e99,"timestamp":"0000-00-00T00:00:00Z"}"#;
    assert_eq!(desk.json(PATH, weird).await.status(), 200);
    // ids and calls in the URL that are none
    desk.report_to(&format!("{PATH}/not-an-id"), "call=%00%FF&call", &FIELDS)
        .await;
    desk.report_to(
        &format!("{PATH}/recording"),
        "call=%00",
        &[("RecordingStatus", "completed"), ("RecordingUrl", "https://r/1")],
    )
    .await;
    desk.report_to(
        &format!("{PATH}/transcription"),
        "call=",
        &[("TranscriptionStatus", "completed"), ("RecordingSid", "R1")],
    )
    .await;
}

#[tokio::test]
async fn a_warm_report_is_one_round_trip_and_a_dead_connection_costs_nothing() {
    let (desk, proxy) = Desk::open_behind_proxy().await;
    let id = desk.outbound("sms", None).await;
    desk.report(&[("CallSid", "CA0"), ("CallStatus", "ringing")])
        .await;
    for (path, fields) in [
        (
            format!("{PATH}/{id}"),
            vec![("MessageSid", "SM1"), ("MessageStatus", "sent")],
        ),
        (
            PATH.to_owned(),
            vec![("MessageSid", "SM1"), ("MessageStatus", "delivered")],
        ),
        (
            PATH.to_owned(),
            vec![("MessageSid", "SM9"), ("MessageStatus", "delivered")],
        ),
        (
            format!("{PATH}/recording"),
            vec![
                ("CallSid", "CA1"),
                ("RecordingStatus", "completed"),
                ("RecordingUrl", "https://r/1"),
            ],
        ),
        (
            PATH.to_owned(),
            vec![
                ("event_type", "number_assignment_activated"),
                ("phone_number", "+14055550123"),
            ],
        ),
    ] {
        proxy.reset_counts();
        desk.report_to(&path, "", &fields).await;
        let counts = proxy.counts();
        assert_eq!(
            (counts.flights, counts.statements, counts.connections),
            (1, 1, 0),
            "{path} {fields:?}"
        );
    }
    proxy.reset_counts();
    desk.report(&[("event_type", "brand_activated")]).await;
    assert_eq!(proxy.counts().flights, 0);
    proxy.reset_all();
    desk.report(&[("MessageSid", "SM1"), ("MessageStatus", "read")])
        .await;
    assert_eq!(desk.message(id).await["status"], "read");
    proxy.refuse(true).await.unwrap();
    proxy.reset_all();
    let started = Instant::now();
    assert_eq!(desk.status(PATH, &FIELDS).await, 503);
    assert!(started.elapsed() < Duration::from_millis(4500));
    proxy.refuse(false).await.unwrap();
    assert_eq!(desk.status(PATH, &FIELDS).await, 200);
}
