//! After the forwarded phones rang, and after the tone.

use crate::support::{ACME, CALLER, DIAL_RESULT, Desk, HANGUP, NUMBER, RECORDING_DONE, voicemail};
use serde_json::json;

fn dial_result<'a>(sid: &'a str, status: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("CallSid", sid),
        ("From", CALLER),
        ("To", NUMBER),
        ("CallStatus", "in-progress"),
        ("Direction", "inbound"),
        ("DialCallSid", "leg"),
        ("DialCallStatus", status),
        ("DialCallDuration", "0"),
    ]
}

#[tokio::test]
async fn nobody_answered_so_voicemail_does() {
    let desk = Desk::open().await;
    desk.settings("forward_to, greeting", "'{+14155550111}', 'Leave a word.'")
        .await;
    for (index, status) in ["no-answer", "busy", "failed", "canceled", "melted"]
        .into_iter()
        .enumerate()
    {
        let sid = format!("CA{index}");
        desk.call(&sid).await;
        let answer = desk.send(DIAL_RESULT, &dial_result(&sid, status)).await;
        assert_eq!(answer, voicemail("Leave a word.", &sid), "{status}");
        let before = desk.everything().await;
        assert_eq!(desk.send(DIAL_RESULT, &dial_result(&sid, status)).await, answer);
        assert_eq!(desk.everything().await, before);
        let message = desk
            .fixture
            .row(&format!("conversation_messages where external_id = '{sid}'"))
            .await;
        assert_eq!(message["dial_status"], status);
    }
    assert_eq!(desk.fixture.count("conversation_messages").await, 5);
}

#[tokio::test]
async fn a_dial_result_that_knows_the_calls_end_tells_it() {
    let desk = Desk::open().await;
    desk.settings("forward_to", "'{+14155550111}'").await;
    desk.call("CA1").await;
    desk.call("CA2").await;
    let mut ended = dial_result("CA1", "completed");
    ended.retain(|(name, _)| *name != "CallStatus");
    ended.extend([("CallStatus", "completed"), ("CallDuration", "42")]);
    for _ in 0..2 {
        desk.send(DIAL_RESULT, &ended).await;
        desk.send(DIAL_RESULT, &dial_result("CA2", "completed")).await;
        let call = desk
            .fixture
            .row("conversation_messages where external_id = 'CA1'")
            .await;
        assert_eq!(
            (&call["status"], &call["call_duration"]),
            (&"completed".into(), &json!(42))
        );
        let call = desk
            .fixture
            .row("conversation_messages where external_id = 'CA2'")
            .await;
        assert_eq!(call["status"], "ringing", "it goes on, as far as anybody knows");
    }
}

#[tokio::test]
async fn somebody_answered_so_the_call_is_over() {
    let desk = Desk::open().await;
    desk.settings("forward_to", "'{+14155550111}'").await;
    for (index, status) in ["completed", "answered"].into_iter().enumerate() {
        let sid = format!("CA{index}");
        desk.call(&sid).await;
        for _ in 0..2 {
            assert_eq!(
                desk.send(DIAL_RESULT, &dial_result(&sid, status)).await,
                HANGUP,
                "{status}"
            );
        }
    }
}

#[tokio::test]
async fn a_dial_result_of_a_call_that_nobody_knows_takes_the_message_and_waits_for_the_call() {
    let desk = Desk::open().await;
    let words = "We cannot take your call right now. Please leave a message after the tone.";
    for _ in 0..2 {
        assert_eq!(
            desk.send(DIAL_RESULT, &dial_result("CA9", "no-answer")).await,
            voicemail(words, "CA9")
        );
        assert_eq!(
            desk.send(DIAL_RESULT, &dial_result("CA8", "completed")).await,
            HANGUP
        );
        assert_eq!(desk.fixture.count("parked_reports").await, 2);
    }
    desk.call("CA9").await;
    assert_eq!(
        desk.fixture.row("conversation_messages").await["dial_status"],
        "no-answer"
    );
    assert_eq!(
        desk.fixture
            .count("parked_reports where adopted_at is null")
            .await,
        1
    );
}

#[tokio::test]
async fn a_recording_completes_the_call() {
    let desk = Desk::open().await;
    assert_eq!(desk.call("CA1").await, voicemail(ACME, "CA1"));
    let done = |url| {
        vec![
            ("CallSid", "CA1"),
            ("From", CALLER),
            ("To", NUMBER),
            ("RecordingUrl", url),
            ("RecordingDuration", "14"),
            ("Digits", "#"),
            ("RecordingSid", ""),
        ]
    };
    for url in ["https://r/1", "https://r/1", "https://r/2"] {
        assert_eq!(desk.send(RECORDING_DONE, &done(url)).await, HANGUP);
        let message = desk.fixture.row("conversation_messages").await;
        assert_eq!(
            (&message["call_recording_url"], &message["call_recording_sid"]),
            (&json!("https://r/1"), &json!(null))
        );
    }
    // silence leaves no recording
    desk.call("CA2").await;
    assert_eq!(
        desk.send(RECORDING_DONE, &[("CallSid", "CA2"), ("RecordingUrl", "")])
            .await,
        HANGUP
    );
    assert_eq!(desk.send(RECORDING_DONE, &[("CallSid", "CA2")]).await, HANGUP);
    assert_eq!(
        desk.fixture
            .count("conversation_messages where call_recording_url is null")
            .await,
        1
    );
}

#[tokio::test]
async fn a_recording_that_overtakes_its_call_is_adopted() {
    let desk = Desk::open().await;
    for _ in 0..2 {
        assert_eq!(
            desk.send(
                RECORDING_DONE,
                &[("CallSid", "CA1"), ("RecordingUrl", "https://r/1")]
            )
            .await,
            HANGUP
        );
        assert_eq!(desk.fixture.count("parked_reports").await, 1);
    }
    desk.call("CA1").await;
    assert_eq!(
        desk.fixture.row("conversation_messages").await["call_recording_url"],
        "https://r/1"
    );
    assert_eq!(
        desk.fixture
            .count("parked_reports where adopted_at is null")
            .await,
        0
    );
}
