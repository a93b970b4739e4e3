//! Who is rung, and what is stored.

use crate::support::{ACME, CALLER, Desk, EMPTY, NUMBER, PATH, call, voicemail};
use common::store::Store;
use common::webhook::Form;
use common::webhook::voice::InboundCall;
use devstack::fixture::{PLATFORM_NUMBER, form};
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

const DIALLED: &str = "<Response><Dial callerId=\"+14055550123\" timeout=\"20\" \
    action=\"http://127.0.0.1:9000/api/webhooks/signalwire/voice/dial-result\" method=\"POST\">\
    <Number>+14155550111</Number><Number>+14155550112</Number></Dial></Response>";

#[tokio::test]
async fn a_call_is_one_message_in_a_conversation_with_its_contact() {
    let desk = Desk::open().await;
    desk.execute(&format!(
        "insert into contacts (workspace_id, phone) values ('{}', '415.555.0101')",
        desk.workspace
    ))
    .await;
    for _ in 0..2 {
        assert_eq!(desk.call("CA1").await, voicemail(ACME, "CA1"));
        let conversation = desk.fixture.row("conversations").await;
        assert_eq!(
            (
                &conversation["channel"],
                &conversation["unread_count"],
                &conversation["message_count"]
            ),
            (&json!("call"), &json!(1), &json!(1))
        );
        assert_eq!(conversation["phone_number_id"], desk.number.to_string());
        assert!(conversation["contact_id"].is_string());
        let message = desk.fixture.row("conversation_messages").await;
        assert_eq!(
            (&message["status"], &message["direction"], &message["external_id"]),
            (&json!("ringing"), &json!("inbound"), &json!("CA1"))
        );
        assert_eq!(
            (&message["sender_phone"], &message["recipient_phone"]),
            (&json!(CALLER), &json!(NUMBER))
        );
    }
    desk.call("CA2").await;
    assert_eq!(desk.fixture.row("conversations").await["message_count"], 2);
}

#[tokio::test]
async fn a_call_is_put_through_with_our_number_as_caller() {
    let desk = Desk::open().await;
    desk.settings("forward_to", "'{+14155550111,+14155550112}'").await;
    assert_eq!(desk.call("CA1").await, DIALLED);
    let before = desk.everything().await;
    assert_eq!(desk.call("CA1").await, DIALLED);
    assert_eq!(desk.everything().await, before);
    assert_eq!(before.len(), 2);
}

#[tokio::test]
async fn ten_numbers_ring_at_most() {
    let desk = Desk::open().await;
    let many: Vec<String> = (0..14).map(|n| format!("+141555502{n:02}")).collect();
    desk.settings("forward_to", &format!("'{{{}}}'", many.join(",")))
        .await;
    assert_eq!(desk.call("CA1").await.matches("<Number>").count(), 10);
}

#[tokio::test]
async fn voicemail_greets_in_the_workspaces_words() {
    let desk = Desk::open().await;
    desk.settings("greeting", "'You''ve reached <Ada> & \"Co\"'")
        .await;
    let answer = desk.call("CA1").await;
    assert!(
        answer
            .starts_with("<Response><Say>You&apos;ve reached &lt;Ada&gt; &amp; &quot;Co&quot;</Say><Record "),
        "{answer}"
    );
    desk.settings("greeting", "'  '").await;
    assert_eq!(desk.call("CA2").await, voicemail(ACME, "CA2"));
    desk.settings("forward_to, greeting", "'{}', null").await;
    assert_eq!(desk.call("CA3").await, voicemail(ACME, "CA3"));
}

/// Monday 2026-01-05, 15:00 UTC: 09:00 in Chicago, 16:00 in Berlin.
const MONDAY: &str = "2026-01-05T15:00:00Z";

#[tokio::test]
async fn outside_business_hours_voicemail_answers() {
    let desk = Desk::open().await;
    let store = Store::from_settings(&desk.fixture.settings(), Duration::from_secs(5)).unwrap();
    let table = [
        // hours, zone, moment, open
        ("null", "America/Chicago", MONDAY, true),
        (
            r#"'{"mon": [["09:00", "17:00"]]}'"#,
            "America/Chicago",
            MONDAY,
            true,
        ),
        (
            r#"'{"mon": [["09:00", "17:00"]]}'"#,
            "America/Chicago",
            "2026-01-05T14:59:59Z",
            false,
        ),
        (
            r#"'{"mon": [["09:00", "17:00"]]}'"#,
            "America/Chicago",
            "2026-01-05T22:59:59Z",
            true,
        ),
        (
            r#"'{"mon": [["09:00", "17:00"]]}'"#,
            "America/Chicago",
            "2026-01-05T23:00:00Z",
            false,
        ),
        (
            r#"'{"mon": [["09:00", "17:00"]]}'"#,
            "Europe/Berlin",
            MONDAY,
            true,
        ),
        (
            r#"'{"Monday": [["09:00", "17:00"]]}'"#,
            "America/Chicago",
            MONDAY,
            true,
        ),
        (
            r#"'{"Monday": [["10:00", "17:00"]]}'"#,
            "America/Chicago",
            MONDAY,
            false,
        ),
        (
            r#"'{"Tuesday": [["09:00", "17:00"]]}'"#,
            "America/Chicago",
            MONDAY,
            false,
        ),
        // past midnight: the span belongs to the day on which it begins
        (
            r#"'{"mon": [["22:00", "06:00"]]}'"#,
            "America/Chicago",
            "2026-01-06T04:00:00Z",
            true,
        ),
        (
            r#"'{"mon": [["22:00", "06:00"]]}'"#,
            "America/Chicago",
            "2026-01-06T11:59:59Z",
            true,
        ),
        (
            r#"'{"mon": [["22:00", "06:00"]]}'"#,
            "America/Chicago",
            "2026-01-06T12:00:00Z",
            false,
        ),
        (
            r#"'{"mon": [["22:00", "06:00"]]}'"#,
            "America/Chicago",
            "2026-01-06T03:59:59Z",
            false,
        ),
        (
            r#"'{"mon": [["22:00", "06:00"]]}'"#,
            "America/Chicago",
            "2026-01-05T11:00:00Z",
            false,
        ),
        (
            r#"'{"sun": [["22:00", "06:00"]], "mon": [["09:00", "17:00"]]}'"#,
            "America/Chicago",
            "2026-01-05T11:00:00Z",
            true,
        ),
        (
            r#"'{"mon": [["09:00", "16:00"]]}'"#,
            "Europe/Berlin",
            MONDAY,
            false,
        ),
        (
            r#"'{"mon": [["08:00", "08:30"], ["08:45", "09:30"]]}'"#,
            "America/Chicago",
            MONDAY,
            true,
        ),
        (
            r#"'{"mon": [["08:00", "24:00"]]}'"#,
            "America/Chicago",
            "2026-01-06T05:59:59Z",
            true,
        ),
        (
            r#"'{"tue": [["09:00", "17:00"]]}'"#,
            "America/Chicago",
            MONDAY,
            false,
        ),
        (r#"'{"mon": []}'"#, "America/Chicago", MONDAY, false),
        ("'{}'", "America/Chicago", MONDAY, false),
        // in summer Chicago is an hour nearer to UTC
        (
            r#"'{"mon": [["09:00", "17:00"]]}'"#,
            "America/Chicago",
            "2026-07-06T14:00:00Z",
            true,
        ),
        // what cannot be read counts as open: a call is better forwarded than lost
        (r#"'"always"'"#, "America/Chicago", MONDAY, true),
        ("'[]'", "America/Chicago", MONDAY, true),
        (r#"'{"mon": null}'"#, "America/Chicago", MONDAY, true),
        (
            r#"'{"mon": ["10:00", "17:00"]}'"#,
            "America/Chicago",
            MONDAY,
            true,
        ),
        (r#"'{"mon": [["10:00"]]}'"#, "America/Chicago", MONDAY, true),
        (
            r#"'{"mon": [{"from": "10:00", "to": "17:00"}]}'"#,
            "America/Chicago",
            MONDAY,
            true,
        ),
        (
            r#"'{"mon": [["late", "later"]]}'"#,
            "America/Chicago",
            MONDAY,
            true,
        ),
        (r#"'{"mon": [["10:00", "17:00"]]}'"#, "Nowhere/Land", MONDAY, true),
    ];
    for (index, (hours, zone, moment, open)) in table.into_iter().enumerate() {
        desk.settings(
            "forward_to, business_hours, time_zone",
            &format!("'{{+14155550111}}', {hours}, '{zone}'"),
        )
        .await;
        let sid = format!("CA{index}");
        let inbound =
            InboundCall::read(&Form::parse(form(&call(&sid, CALLER, NUMBER)).as_bytes()).unwrap()).unwrap();
        let route = store
            .record_inbound_call(Uuid::now_v7(), &inbound, false, true, moment.parse().unwrap())
            .await
            .unwrap();
        assert_eq!(
            !route.forward_to.is_empty(),
            open,
            "{hours} in {zone} at {moment}"
        );
        // the carrier repeats itself after closing time: the answer stays what it was
        let later = store
            .record_inbound_call(
                Uuid::now_v7(),
                &inbound,
                false,
                true,
                "2026-01-07T03:00:00Z".parse().unwrap(),
            )
            .await
            .unwrap();
        assert_eq!(
            later.forward_to, route.forward_to,
            "{hours} in {zone} at {moment}, repeated"
        );
        assert_eq!(later.message_id, route.message_id);
    }
}

#[tokio::test]
async fn callers_without_a_number_are_answered_too() {
    let desk = Desk::open().await;
    for (index, from) in [
        "anonymous",
        "Anonymous",
        "Restricted",
        "",
        "+266696687",
        "unknown",
    ]
    .into_iter()
    .enumerate()
    {
        let sid = format!("CA{index}");
        assert_eq!(
            desk.send(PATH, &call(&sid, from, NUMBER)).await,
            voicemail(ACME, &sid),
            "{from:?}"
        );
    }
    let conversation = desk.fixture.row("conversations").await;
    assert_eq!(
        (&conversation["customer_phone"], &conversation["message_count"]),
        (&json!("anonymous"), &json!(6))
    );
    // no From at all
    desk.send(PATH, &[("CallSid", "CA10"), ("To", NUMBER)]).await;
    assert_eq!(desk.fixture.row("conversations").await["message_count"], 7);
    desk.send(PATH, &call("CA11", "sip:alice@example.com", NUMBER))
        .await;
    assert_eq!(
        desk.fixture
            .count("conversations where customer_phone = 'sip:alice@example.com'")
            .await,
        1
    );
}

#[tokio::test]
async fn suspended_answers_released_and_unknown_do_not() {
    let desk = Desk::open().await;
    desk.execute("update workspace_phone_numbers set status = 'suspended'")
        .await;
    assert_eq!(desk.call("CA1").await, voicemail(ACME, "CA1"));
    desk.execute("update workspace_phone_numbers set status = 'released'")
        .await;
    for _ in 0..2 {
        assert_eq!(desk.call("CA2").await, EMPTY);
        let kept = desk.fixture.row("unrouted_messages").await;
        assert_eq!(
            (&kept["external_id"], &kept["channel"]),
            (&json!("CA2"), &json!("call"))
        );
    }
    assert_eq!(desk.send(PATH, &call("CA3", CALLER, "+14055559999")).await, EMPTY);
    assert_eq!(
        desk.send(PATH, &call("CA4", CALLER, PLATFORM_NUMBER)).await,
        EMPTY
    );
    assert_eq!(desk.fixture.count("unrouted_messages").await, 3);
    assert_eq!(desk.fixture.count("conversation_messages").await, 1);
}

#[tokio::test]
async fn a_call_to_the_platform_number_reaches_who_wrote_last() {
    let desk = Desk::open().await;
    let starter = desk
        .fixture
        .workspace("Starter & Son", "starter", "org_starter")
        .await;
    let insert = "insert into conversations (workspace_id, channel, business_phone, customer_phone, last_outbound_at) values ($1, 'sms', $2, $3, now())";
    desk.fixture
        .sql
        .execute(insert, &[&starter, &PLATFORM_NUMBER, &CALLER])
        .await
        .unwrap();
    for _ in 0..2 {
        let answer = desk.send(PATH, &call("CA1", CALLER, PLATFORM_NUMBER)).await;
        assert_eq!(
            answer,
            voicemail(&ACME.replace("Acme", "Starter &amp; Son"), "CA1")
        );
        assert_eq!(
            desk.fixture.row("conversation_messages").await["workspace_id"],
            starter.to_string()
        );
    }
}

#[tokio::test]
async fn a_sid_of_odd_characters_comes_back_escaped() {
    let desk = Desk::open().await;
    let answer = desk.send(PATH, &call("a&b<c>\"d+e", CALLER, NUMBER)).await;
    assert!(
        answer.contains("status/recording?call=a%26b%3Cc%3E%22d%2Be\""),
        "{answer}"
    );
}
