//! Whose message it is.

use crate::support::{CUSTOMER, Desk, EMPTY, NUMBER, PATH, at_once, sms};
use devstack::fixture::PLATFORM_NUMBER;
use serde_json::json;
use uuid::Uuid;

/// As if the workspace had written to the customer from the platform number so many minutes ago.
async fn wrote(desk: &Desk, workspace: Uuid, customer: &str, minutes_ago: i32) {
    let upsert = "insert into conversations (workspace_id, channel, business_phone, customer_phone, last_outbound_at)
                  values ($1, 'sms', $2, $3, now() - make_interval(mins => $4))
                  on conflict (workspace_id, business_phone, customer_phone, channel) do update set last_outbound_at = excluded.last_outbound_at";
    desk.fixture
        .sql
        .execute(upsert, &[&workspace, &PLATFORM_NUMBER, &customer, &minutes_ago])
        .await
        .expect("a conversation");
}

#[tokio::test]
async fn a_suspended_number_receives_and_a_released_one_does_not() {
    let desk = Desk::open().await;
    desk.execute("update workspace_phone_numbers set status = 'suspended'")
        .await;
    assert_eq!(desk.text("SM1", "still there?").await, EMPTY);
    assert_eq!(desk.fixture.count("conversation_messages").await, 1);

    desk.execute("update workspace_phone_numbers set status = 'released', released_at = now()")
        .await;
    for _ in 0..2 {
        assert_eq!(desk.text("SM2", "and now?").await, EMPTY);
        assert_eq!(desk.fixture.count("conversation_messages").await, 1);
        assert_eq!(desk.fixture.row("unrouted_messages").await["external_id"], "SM2");
    }

    // somebody else buys it: what comes from now on is theirs alone
    let next = desk.fixture.workspace("Next", "professional", "org_next").await;
    desk.fixture.number(next, NUMBER, "primary").await;
    desk.text("SM3", "hello").await;
    let message = desk
        .fixture
        .row("conversation_messages where external_id = 'SM3'")
        .await;
    assert_eq!(message["workspace_id"], next.to_string());
    assert_eq!(desk.fixture.count("conversations").await, 2);
}

#[tokio::test]
async fn two_workspaces_with_the_same_customer_stay_apart() {
    let desk = Desk::open().await;
    let other = desk.fixture.workspace("Other", "enterprise", "org_other").await;
    desk.fixture.number(other, "+14055550777", "primary").await;
    desk.text("SM1", "for Acme").await;
    desk.message("SM2", CUSTOMER, "+14055550777", "for Other").await;
    // the carrier's ids are unique; ours would hold even if they were not
    desk.message("SM1", CUSTOMER, "+14055550777", "for Other too")
        .await;
    for (workspace, count) in [(desk.workspace, 1), (other, 2)] {
        let conversation = desk
            .fixture
            .row(&format!("conversations where workspace_id = '{workspace}'"))
            .await;
        assert_eq!(conversation["message_count"], count);
    }
}

#[tokio::test]
async fn the_platform_number_answers_to_whoever_wrote_last() {
    let desk = Desk::open().await;
    let first = desk.fixture.workspace("First", "starter", "org_first").await;
    let second = desk.fixture.workspace("Second", "starter", "org_second").await;
    wrote(&desk, first, CUSTOMER, 60).await;
    wrote(&desk, second, CUSTOMER, 30).await;
    wrote(&desk, first, "+14155550199", 1).await; // another customer's thread says nothing about this one
    let owner = async |sid: &str| {
        desk.fixture
            .row(&format!("conversation_messages where external_id = '{sid}'"))
            .await["workspace_id"]
            .clone()
    };

    desk.message("SM1", CUSTOMER, PLATFORM_NUMBER, "to the second")
        .await;
    assert_eq!(owner("SM1").await, second.to_string());

    // a repeat after somebody else wrote stays with the first
    wrote(&desk, first, CUSTOMER, 0).await;
    let before = desk.everything().await;
    desk.message("SM1", CUSTOMER, PLATFORM_NUMBER, "to the second")
        .await;
    assert_eq!(desk.everything().await, before);

    desk.message("SM2", CUSTOMER, PLATFORM_NUMBER, "to the first")
        .await;
    assert_eq!(owner("SM2").await, first.to_string());
    let conversation = desk
        .fixture
        .row(&format!(
            "conversations where workspace_id = '{first}' and customer_phone = '{CUSTOMER}'"
        ))
        .await;
    assert_eq!(
        (&conversation["phone_number_id"], &conversation["unread_count"]),
        (&json!(null), &json!(1))
    );
}

#[tokio::test]
async fn nobody_wrote_so_it_is_kept_and_a_repeat_after_somebody_wrote_stays_there() {
    let desk = Desk::open().await;
    let starter = desk.fixture.workspace("First", "starter", "org_first").await;
    assert_eq!(
        desk.message("SM1", CUSTOMER, PLATFORM_NUMBER, "anybody?").await,
        EMPTY
    );
    wrote(&desk, starter, CUSTOMER, 0).await;
    for _ in 0..2 {
        assert_eq!(
            desk.message("SM1", CUSTOMER, PLATFORM_NUMBER, "anybody?").await,
            EMPTY
        );
        let kept = desk.fixture.row("unrouted_messages").await;
        assert_eq!(
            (&kept["external_id"], &kept["body"], &kept["channel"]),
            (&json!("SM1"), &json!("anybody?"), &json!("sms"))
        );
        assert_eq!(
            (&kept["sender_phone"], &kept["recipient_phone"]),
            (&json!(CUSTOMER), &json!(PLATFORM_NUMBER))
        );
        assert_eq!(desk.fixture.count("conversation_messages").await, 0);
    }
}

#[tokio::test]
async fn a_repeat_that_races_with_a_reply_has_one_owner() {
    let desk = Desk::open().await;
    let first = desk.fixture.workspace("First", "starter", "org_first").await;
    let second = desk.fixture.workspace("Second", "starter", "org_second").await;
    wrote(&desk, first, CUSTOMER, 60).await;
    let requests = (0..12)
        .map(|_| {
            desk.fixture
                .webhook(PATH, &sms("SM1", CUSTOMER, PLATFORM_NUMBER, "x"))
        })
        .collect();
    let (answers, ()) = tokio::join!(at_once(&desk, 4, requests), wrote(&desk, second, CUSTOMER, 0));
    assert!(answers.iter().all(|answer| answer.status() == 200));
    assert_eq!(desk.fixture.count("conversation_messages").await, 1);
    assert_eq!(
        desk.fixture
            .count("conversations where message_count = 1 and unread_count = 1")
            .await,
        1
    );
}

#[tokio::test]
async fn an_unknown_number_is_kept_and_answered_with_nothing() {
    let desk = Desk::open().await;
    let mms = [
        ("MessageSid", "MM1"),
        ("From", CUSTOMER),
        ("To", "+14055559999"),
        ("Body", ""),
        ("NumMedia", "1"),
        ("MediaUrl0", "https://m/1"),
        ("MediaContentType0", "image/png"),
    ];
    for _ in 0..2 {
        assert_eq!(desk.send(&mms).await, EMPTY);
        assert_eq!(
            desk.fixture.row("unrouted_messages").await["attachments"],
            json!([{"url": "https://m/1", "contentType": "image/png"}])
        );
    }
    // nobody's number: there is no sender whom the customer could opt out of
    assert_eq!(desk.message("SM2", CUSTOMER, "+14055559999", "STOP").await, EMPTY);
    assert_eq!(desk.fixture.count("opt_outs").await, 0);
    assert_eq!(desk.fixture.count("conversations").await, 0);
}
