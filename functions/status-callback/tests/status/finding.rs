//! Which row a report is about.

use crate::support::{Desk, PATH};
use serde_json::json;
use uuid::Uuid;

fn told<'a>(sid: &'a str, status: &'a str) -> [(&'a str, &'a str); 2] {
    [("MessageSid", sid), ("MessageStatus", status)]
}

#[tokio::test]
async fn by_our_id_before_the_sid_is_known() {
    let desk = Desk::open().await;
    let id = desk.outbound("sms", None).await;
    let other = desk.outbound("sms", None).await;
    for _ in 0..2 {
        desk.report_to(&format!("{PATH}/{id}"), "", &told("SM1", "sent"))
            .await;
        let message = desk.message(id).await;
        assert_eq!(
            (&message["status"], &message["external_id"]),
            (&json!("sent"), &json!("SM1"))
        );
    }
    assert_eq!(desk.message(other).await["status"], "queued");
    // from now on the SID alone is enough
    desk.report(&told("SM1", "delivered")).await;
    assert_eq!(desk.message(id).await["status"], "delivered");
}

#[tokio::test]
async fn by_the_sid_alone() {
    let desk = Desk::open().await;
    let id = desk.outbound("sms", Some("SM1")).await;
    desk.report(&told("SM1", "sent")).await;
    assert_eq!(desk.message(id).await["status"], "sent");
    // an id that nobody has
    desk.report_to(
        &format!("{PATH}/{}", Uuid::now_v7()),
        "",
        &told("SM1", "delivered"),
    )
    .await;
    assert_eq!(desk.message(id).await["status"], "delivered");
    // a trailing slash and a path without an id
    desk.report_to(&format!("{PATH}/"), "", &told("SM1", "read"))
        .await;
    assert_eq!(desk.message(id).await["status"], "read");
}

#[tokio::test]
async fn a_sid_that_contradicts_the_id_is_believed() {
    let desk = Desk::open().await;
    let first = desk.outbound("sms", Some("SM1")).await;
    let second = desk.outbound("sms", Some("SM2")).await;
    desk.report_to(&format!("{PATH}/{first}"), "", &told("SM2", "delivered"))
        .await;
    assert_eq!(
        (
            &desk.message(first).await["status"],
            &desk.message(second).await["status"]
        ),
        (&json!("queued"), &json!("delivered"))
    );
    for _ in 0..2 {
        desk.report_to(&format!("{PATH}/{first}"), "", &told("SM3", "delivered"))
            .await;
        let first = desk.message(first).await;
        assert_eq!(
            (&first["status"], &first["external_id"]),
            (&json!("queued"), &json!("SM1"))
        );
        assert_eq!(desk.fixture.row("parked_reports").await["external_id"], "SM3");
    }
}

#[tokio::test]
async fn a_sid_that_another_row_has_is_not_given_to_the_row_that_the_url_names() {
    let desk = Desk::open().await;
    let named = desk.outbound("sms", None).await;
    let owner = desk.outbound("sms", Some("SM1")).await;
    for _ in 0..2 {
        desk.report_to(&format!("{PATH}/{named}"), "", &told("SM1", "delivered"))
            .await;
        let (named, owner) = (desk.message(named).await, desk.message(owner).await);
        assert_eq!(
            (&named["status"], &named["external_id"], &owner["status"]),
            (&json!("queued"), &json!(null), &json!("delivered"))
        );
    }
    // somebody else's row under the same SID is none of our business
    let foreign = desk.fixture.workspace("Beta", "professional", "org_beta").await;
    desk.execute(&format!(
        "insert into conversations (workspace_id, channel, business_phone, customer_phone) values ('{foreign}', 'sms', '+14055550999', '+14155550101');
         insert into conversation_messages (workspace_id, conversation_id, direction, sender_phone, recipient_phone, external_id, status, created_at)
         select workspace_id, id, 'outbound', business_phone, customer_phone, 'SM1', 'queued', now() - interval '1 day'
         from conversations where workspace_id = '{foreign}'"
    ))
    .await;
    desk.report_to(&format!("{PATH}/{named}"), "", &told("SM1", "read"))
        .await;
    assert_eq!(desk.message(owner).await["status"], "read");
}

#[tokio::test]
async fn what_nobody_knows_is_parked_once() {
    let desk = Desk::open().await;
    for _ in 0..2 {
        desk.report(&told("SM1", "sent")).await;
        desk.report(&told("SM1", "delivered")).await;
        desk.report(&[
            ("CallSid", "CA1"),
            ("CallStatus", "completed"),
            ("CallDuration", "7"),
        ])
        .await;
        desk.report(&[
            ("CallSid", "CA1"),
            ("RecordingSid", "R1"),
            ("RecordingStatus", "completed"),
            ("RecordingUrl", "https://r/1"),
        ])
        .await;
        desk.report(&[
            ("TranscriptionSid", "T1"),
            ("TranscriptionStatus", "completed"),
            ("TranscriptionText", "hi"),
            ("RecordingSid", "R1"),
        ])
        .await;
        assert_eq!(desk.fixture.count("parked_reports").await, 5);
    }
    assert_eq!(desk.fixture.count("status_reports").await, 0);
}

#[tokio::test]
async fn what_was_parked_is_adopted_when_a_report_by_id_brings_the_sid() {
    let desk = Desk::open().await;
    let id = desk.outbound("call", None).await;
    // the number's own callback knows no id of ours; the send's answer is lost
    desk.report(&[
        ("CallSid", "CA1"),
        ("CallStatus", "completed"),
        ("CallDuration", "94"),
    ])
    .await;
    assert_eq!(desk.message(id).await["status"], "queued");
    for _ in 0..2 {
        desk.report_to(
            &format!("{PATH}/{id}"),
            "",
            &[
                ("CallSid", "CA1"),
                ("CallStatus", "ringing"),
                ("SequenceNumber", "1"),
            ],
        )
        .await;
        let call = desk.message(id).await;
        assert_eq!(
            (&call["status"], &call["call_duration"], &call["external_id"]),
            (&json!("completed"), &json!(94), &json!("CA1"))
        );
        assert_eq!(
            desk.fixture
                .count("parked_reports where adopted_at is null")
                .await,
            0
        );
        assert_eq!(desk.fixture.count("status_reports").await, 2);
    }
}

#[tokio::test]
async fn a_report_races_with_its_row_and_is_never_lost() {
    let desk = Desk::open().await;
    for n in 0..20 {
        let sid = format!("CA{n}");
        let fields = [
            ("CallSid", sid.as_str()),
            ("CallStatus", "completed"),
            ("CallDuration", "5"),
        ];
        let (id, ()) = tokio::join!(desk.inbound_call(&sid), desk.report(&fields));
        let call = desk.message(id).await;
        assert_eq!(
            (&call["status"], &call["call_duration"]),
            (&json!("completed"), &json!(5))
        );
    }
    assert_eq!(
        desk.fixture
            .count("parked_reports where adopted_at is null")
            .await,
        0
    );
    assert_eq!(desk.fixture.count("status_reports").await, 20);
}
