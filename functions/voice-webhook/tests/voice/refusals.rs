//! What does not get in, each beside what does, and a database that is away.

use crate::support::{ACME, CALLER, DIAL_RESULT, Desk, EMPTY, NUMBER, PATH, RECORDING_DONE, call, voicemail};
use devstack::fixture::{APP_URL, form, request, text};
use std::time::{Duration, Instant};
use testkit::runtime_api::http_event;

#[tokio::test]
async fn what_is_not_signed_is_refused_without_a_byte_to_postgres() {
    let (desk, proxy) = Desk::open_behind_proxy().await;
    let body = form(&call("CA1", CALLER, NUMBER));
    for path in [
        PATH,
        DIAL_RESULT,
        RECORDING_DONE,
        &format!("{PATH}/outbound/{}", uuid::Uuid::nil()),
        &format!("{PATH}/else"),
    ] {
        for signature in [None, Some(""), Some("AAAAAAAAAAAAAAAAAAAAAAAAAAA=")] {
            let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
            headers.extend(signature.map(|signature| ("x-signalwire-signature", signature)));
            let response = desk
                .app
                .handle(request(http_event("POST", path, "", &headers, body.as_bytes())))
                .await;
            assert_eq!((response.status().as_u16(), text(&response)), (403, ""), "{path}");
        }
        assert_eq!(
            desk.status(path, &[("AccountSid", "another"), ("CallSid", "CA1")])
                .await,
            403
        );
    }
    assert_eq!(
        desk.status(PATH, &[("CallSid", "CA1"), ("x", &"a".repeat(70_000))])
            .await,
        413
    );
    assert_eq!(proxy.counts().bytes_to_server, 0);
    assert_eq!(desk.call("CA1").await, voicemail(ACME, "CA1"));
    assert!(proxy.counts().bytes_to_server > 0);
}

#[tokio::test]
async fn what_lacks_a_field_or_has_a_malformed_one_is_a_400() {
    let desk = Desk::open().await;
    let bad: &[(&str, &[(&str, &str)])] = &[
        (PATH, &[]),
        (PATH, &[("From", CALLER), ("To", NUMBER)]),
        (PATH, &[("CallSid", ""), ("From", CALLER), ("To", NUMBER)]),
        (PATH, &[("CallSid", "CA1"), ("From", CALLER)]),
        (
            PATH,
            &[("CallSid", "CA1"), ("From", CALLER), ("To", "4055550123")],
        ),
        (PATH, &[("CallSid", "CA1"), ("From", "<script>"), ("To", NUMBER)]),
        (PATH, &[("CallSid", "CA\0"), ("From", CALLER), ("To", NUMBER)]),
        (DIAL_RESULT, &[("CallSid", "CA1")]),
        (DIAL_RESULT, &[("DialCallStatus", "busy")]),
        (RECORDING_DONE, &[("RecordingUrl", "https://r/1")]),
    ];
    for (path, fields) in bad {
        let response = desk.app.handle(desk.fixture.webhook(path, fields)).await;
        assert_eq!(
            (response.status().as_u16(), text(&response)),
            (400, EMPTY),
            "{path} {fields:?}"
        );
    }
    let body = br#"{"CallSid":"CA1"}"#;
    let signature = desk
        .fixture
        .simulator
        .sign_json(&format!("{APP_URL}{PATH}"), body);
    let headers = [
        ("content-type", "application/json"),
        ("x-signalwire-signature", signature.as_str()),
    ];
    assert_eq!(
        desk.app
            .handle(request(http_event("POST", PATH, "", &headers, body)))
            .await
            .status(),
        400
    );
    assert!(desk.everything().await.is_empty());
}

#[tokio::test]
async fn a_warm_webhook_is_one_round_trip() {
    let (desk, proxy) = Desk::open_behind_proxy().await;
    desk.settings("forward_to", "'{+14155550111}'").await;
    desk.call("CA0").await;
    let dialled = [("CallSid", "CA1"), ("DialCallStatus", "no-answer")];
    let recorded = [("CallSid", "CA1"), ("RecordingUrl", "https://r/1")];
    let webhooks = [
        (PATH, call("CA1", CALLER, NUMBER)),
        (PATH, call("CA1", CALLER, NUMBER)),
        (DIAL_RESULT, dialled.to_vec()),
        (RECORDING_DONE, recorded.to_vec()),
    ];
    for (path, fields) in webhooks {
        proxy.reset_counts();
        desk.send(path, &fields).await;
        let counts = proxy.counts();
        assert_eq!(
            (counts.flights, counts.statements, counts.connections),
            (1, 1, 0),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_database_that_is_away_is_a_503_in_time_and_a_dead_connection_costs_nothing() {
    let (desk, proxy) = Desk::open_behind_proxy().await;
    desk.call("CA1").await;
    proxy.reset_all();
    assert_eq!(desk.call("CA2").await, voicemail(ACME, "CA2"));
    proxy.refuse(true).await.unwrap();
    proxy.reset_all();
    let started = Instant::now();
    assert_eq!(desk.status(PATH, &call("CA3", CALLER, NUMBER)).await, 503);
    assert!(started.elapsed() < Duration::from_millis(4500));
    proxy.refuse(false).await.unwrap();
    assert_eq!(desk.call("CA3").await, voicemail(ACME, "CA3"));
    assert_eq!(desk.fixture.row("conversations").await["message_count"], 3);
}
