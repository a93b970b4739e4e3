//! STOP, START, HELP and YES.

use crate::support::{CUSTOMER, Desk, EMPTY, NUMBER, PATH, at_once, sms};
use common::domain::classify;
use common::store::Store;
use common::webhook::Form;
use common::webhook::sms::InboundMessage;
use devstack::fixture::{PLATFORM_NUMBER, form, text};
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

const STOPPED: &str = "<Response><Message>Acme: You have been unsubscribed and will receive no more messages from this number. \
                       Reply START to resubscribe.</Message></Response>";
const STARTED: &str = "<Response><Message>Acme: You are subscribed to messages from this number again. \
                       Reply HELP for help, STOP to unsubscribe.</Message></Response>";
const HELPED: &str = "<Response><Message>Acme: To reach us, reply to this number. Message and data rates may apply. \
                      Reply STOP to unsubscribe, START to resubscribe.</Message></Response>";

#[tokio::test]
async fn every_word_in_any_case_is_confirmed_and_a_repeat_is_answered_alike() {
    let desk = Desk::open().await;
    let mut changes = 0;
    let words = [
        ("STOP", STOPPED, true),
        ("stop", STOPPED, true),
        (" Stop \r\n", STOPPED, true),
        ("StopAll", STOPPED, true),
        ("UNSUBSCRIBE", STOPPED, true),
        ("cancel", STOPPED, true),
        ("End", STOPPED, true),
        ("qUIT", STOPPED, true),
        ("Revoke", STOPPED, true),
        ("OPTOUT", STOPPED, true),
        ("opt out", STOPPED, true),
        ("Opt Out", STOPPED, true),
        ("START", STARTED, false),
        ("unstop", STARTED, false),
        (" Start", STARTED, false),
    ];
    for (index, (word, answer, opted_out)) in words.into_iter().enumerate() {
        // each from the opposite state
        desk.text(
            &format!("before{index}"),
            if opted_out { "START" } else { "STOP" },
        )
        .await;
        let sid = format!("SM{index}");
        assert_eq!(desk.text(&sid, word).await, answer, "{word:?}");
        changes += 2;
        let state = desk.fixture.row("opt_outs").await;
        assert_eq!(
            (&state["opted_out"], &state["message_sid"]),
            (&json!(opted_out), &json!(sid)),
            "{word:?}"
        );
        assert_eq!(state["word"], word.trim().to_uppercase());
        assert_eq!(
            (&state["business_phone"], &state["customer_phone"]),
            (&json!(NUMBER), &json!(CUSTOMER))
        );
        assert_eq!(state["workspace_id"], desk.workspace.to_string());
        assert_eq!(
            desk.is_opted_out(desk.workspace, NUMBER, CUSTOMER).await,
            opted_out
        );
        let before = desk.everything().await;
        assert_eq!(desk.text(&sid, word).await, answer, "{word:?} again");
        assert_eq!(desk.everything().await, before, "{word:?} again");
        assert_eq!(desk.fixture.count("opt_out_changes").await, changes);
    }
    // the messages themselves are in the thread as well
    assert_eq!(desk.fixture.row("conversations").await["message_count"], changes);
}

#[tokio::test]
async fn help_explains_and_changes_nothing() {
    let desk = Desk::open().await;
    for (index, word) in ["HELP", "help ", "Info", "INFO"].into_iter().enumerate() {
        for _ in 0..2 {
            assert_eq!(desk.text(&format!("SM{index}"), word).await, HELPED);
        }
    }
    assert_eq!(desk.fixture.count("opt_outs").await, 0);
    assert_eq!(desk.fixture.count("opt_out_changes").await, 0);
}

#[tokio::test]
async fn yes_counts_only_from_somebody_who_is_opted_out() {
    let desk = Desk::open().await;
    assert_eq!(desk.text("SM1", "Yes").await, EMPTY);
    assert_eq!(desk.fixture.count("opt_out_changes").await, 0);
    desk.text("SM2", "STOP").await;
    for _ in 0..2 {
        assert_eq!(desk.text("SM3", "yes").await, STARTED);
        assert!(!desk.is_opted_out(desk.workspace, NUMBER, CUSTOMER).await);
        assert_eq!(desk.fixture.count("opt_out_changes").await, 2);
    }
    assert_eq!(desk.fixture.row("opt_outs").await["word"], "YES");
    assert_eq!(desk.text("SM4", "YES").await, EMPTY);
    // a repeat of what was no keyword then is none now
    desk.text("SM5", "STOP").await;
    assert_eq!(desk.text("SM4", "YES").await, EMPTY);
    assert!(desk.is_opted_out(desk.workspace, NUMBER, CUSTOMER).await);
}

#[tokio::test]
async fn a_sentence_with_the_word_in_it_is_a_message() {
    let desk = Desk::open().await;
    for (index, body) in [
        "please stop",
        "STOP.",
        "don't stop",
        "stop it",
        "START now",
        "help me",
        "yes please",
        "opt-out",
        "unstoppable",
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(desk.text(&format!("SM{index}"), body).await, EMPTY, "{body}");
    }
    assert_eq!(desk.fixture.count("opt_out_changes").await, 0);
}

#[tokio::test]
async fn a_stop_binds_the_sender_it_was_written_to() {
    let desk = Desk::open().await;
    desk.fixture.number(desk.workspace, "+14055550124", "sales").await;
    let other = desk.fixture.workspace("Other", "professional", "org_other").await;
    desk.fixture.number(other, "+14055550777", "primary").await;
    desk.text("SM1", "STOP").await;
    assert!(desk.is_opted_out(desk.workspace, NUMBER, CUSTOMER).await);
    assert!(!desk.is_opted_out(desk.workspace, NUMBER, "+14155550102").await);
    assert!(!desk.is_opted_out(desk.workspace, "+14055550124", CUSTOMER).await);
    assert!(!desk.is_opted_out(other, "+14055550777", CUSTOMER).await);
    // by WhatsApp it is the same sender
    desk.send(&sms(
        "W1",
        "whatsapp:+14155550101",
        "whatsapp:+14055550123",
        "start",
    ))
    .await;
    assert!(!desk.is_opted_out(desk.workspace, NUMBER, CUSTOMER).await);
}

#[tokio::test]
async fn on_the_platform_number_a_stop_binds_every_starter() {
    let desk = Desk::open().await;
    let first = desk.fixture.workspace("First", "starter", "org_first").await;
    let second = desk.fixture.workspace("Second", "starter", "org_second").await;
    let insert = "insert into conversations (workspace_id, channel, business_phone, customer_phone, last_outbound_at) values ($1, 'sms', $2, $3, now())";
    desk.fixture
        .sql
        .execute(insert, &[&first, &PLATFORM_NUMBER, &CUSTOMER])
        .await
        .unwrap();
    for _ in 0..2 {
        let answer = desk.message("SM1", CUSTOMER, PLATFORM_NUMBER, "STOP").await;
        assert_eq!(answer, STOPPED.replace("Acme", "First"));
        for workspace in [first, second, desk.workspace] {
            assert!(desk.is_opted_out(workspace, PLATFORM_NUMBER, CUSTOMER).await);
        }
        assert_eq!(desk.fixture.row("opt_outs").await["workspace_id"], json!(null));
        assert_eq!(desk.fixture.count("opt_out_changes").await, 1);
    }
    assert!(!desk.is_opted_out(desk.workspace, NUMBER, CUSTOMER).await);
    desk.message("SM2", CUSTOMER, PLATFORM_NUMBER, "START").await;
    assert!(!desk.is_opted_out(second, PLATFORM_NUMBER, CUSTOMER).await);

    // somebody to whom nobody wrote can stop the platform number too, and is told so, each time alike
    let stranger = "+14155550190";
    for _ in 0..2 {
        let answer = desk.message("SM3", stranger, PLATFORM_NUMBER, "stop").await;
        assert_eq!(answer, STOPPED.replace("Acme: ", ""));
        assert!(desk.is_opted_out(second, PLATFORM_NUMBER, stranger).await);
        assert_eq!(
            desk.fixture
                .count(&format!("opt_out_changes where customer_phone = '{stranger}'"))
                .await,
            1
        );
        assert_eq!(desk.fixture.row("unrouted_messages").await["reply"], "stop");
    }
    for _ in 0..2 {
        assert!(
            desk.message("SM4", stranger, PLATFORM_NUMBER, "Yes")
                .await
                .contains("subscribed")
        );
        assert!(!desk.is_opted_out(second, PLATFORM_NUMBER, stranger).await);
    }
}

#[tokio::test]
async fn the_workspaces_name_is_escaped() {
    let desk = Desk::open().await;
    desk.execute("update workspaces set name = 'A & <B> \"C\"'").await;
    let answer = desk.text("SM1", "STOP").await;
    assert!(
        answer.starts_with("<Response><Message>A &amp; &lt;B&gt; "),
        "{answer}"
    );
    desk.execute("update workspaces set name = ' '").await;
    assert_eq!(desk.text("SM2", "STOP").await, STOPPED.replace("Acme: ", ""));
}

#[tokio::test]
async fn words_that_are_stored_late_do_not_undo_later_ones() {
    let desk = Desk::open().await;
    let store = Store::from_settings(&desk.fixture.settings(), Duration::from_secs(5)).unwrap();
    let start = jiff::Timestamp::from_second(1_800_000_000).unwrap();
    let record = async |sid: &str, body: &str, second: i64| {
        let fields = form(&sms(sid, CUSTOMER, NUMBER, body));
        let message = InboundMessage::read(&Form::parse(fields.as_bytes()).unwrap(), false).unwrap();
        assert!(classify(body).is_some());
        let at = start + jiff::SignedDuration::from_secs(second);
        store
            .record_inbound_message(Uuid::now_v7(), &message, false, at)
            .await
            .unwrap();
        desk.is_opted_out(desk.workspace, NUMBER, CUSTOMER).await
    };
    assert!(record("SM1", "STOP", 10).await);
    assert!(
        record("SM2", "START", 5).await,
        "an older START does not undo a newer STOP"
    );
    assert!(!record("SM3", "START", 20).await);
    assert!(
        !record("SM4", "STOP", 15).await,
        "an older STOP does not undo a newer START"
    );
    assert!(record("SM5", "STOP", 30).await);
    let history: Vec<String> = desk
        .fixture
        .rows("opt_out_changes order by changed_at")
        .await
        .iter()
        .map(|row| {
            format!(
                "{} {}",
                row["word"].as_str().unwrap(),
                row["message_sid"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        history,
        ["START SM2", "STOP SM1", "STOP SM4", "START SM3", "STOP SM5"]
    );
    // the thread's snippet is that of the newest message too
    record("SM6", "HELP", 1).await;
    assert_eq!(desk.fixture.row("conversations").await["snippet"], "STOP");
}

#[tokio::test]
async fn ten_stops_at_once_leave_one_state_and_ten_entries() {
    let desk = Desk::open().await;
    let requests = (0..10)
        .map(|n| {
            desk.fixture
                .webhook(PATH, &sms(&format!("SM{n}"), CUSTOMER, NUMBER, "STOP"))
        })
        .collect();
    for answer in at_once(&desk, 4, requests).await {
        assert_eq!(text(&answer), STOPPED);
    }
    assert_eq!(desk.fixture.count("opt_outs where opted_out").await, 1);
    assert_eq!(desk.fixture.count("opt_out_changes").await, 10);
}
