//! Calls, their recordings and what the recordings say.

use crate::support::{Desk, PATH, permutations};
use serde_json::json;

const RECORDING: &str = "/api/webhooks/signalwire/status/recording";
const TRANSCRIPTION: &str = "/api/webhooks/signalwire/status/transcription";

#[tokio::test]
async fn every_order_of_a_calls_progress_ends_alike() {
    let desk = Desk::open().await;
    let id = desk.outbound("call", None).await;
    let steps = [
        ("initiated", "0", None),
        ("ringing", "1", None),
        ("in-progress", "2", None),
        ("completed", "3", Some("94")),
    ];
    for order in permutations(&steps) {
        desk.execute("delete from status_reports; update conversation_messages set status = 'queued', call_duration = null, external_id = null").await;
        for (status, sequence, duration) in order.iter().chain(order.iter().rev()) {
            let mut fields = vec![
                ("CallSid", "CA1"),
                ("CallStatus", *status),
                ("SequenceNumber", *sequence),
            ];
            fields.extend(duration.map(|seconds| ("CallDuration", seconds)));
            desk.report_to(&format!("{PATH}/{id}"), "", &fields).await;
        }
        let call = desk.message(id).await;
        assert_eq!(
            (&call["status"], &call["call_duration"], &call["external_id"]),
            (&json!("completed"), &json!(94), &json!("CA1")),
            "{order:?}"
        );
        assert_eq!(desk.fixture.count("status_reports").await, 4);
    }
}

#[tokio::test]
async fn the_first_end_stays() {
    let desk = Desk::open().await;
    let ends = ["completed", "busy", "no-answer", "failed", "canceled"];
    for (index, first) in ends.into_iter().enumerate() {
        let sid = format!("CA{index}");
        let id = desk.outbound("call", Some(&sid)).await;
        desk.report(&[("CallSid", &sid), ("CallStatus", "ringing")]).await;
        for end in [first].iter().chain(&ends).chain(&["in-progress"]) {
            desk.report(&[("CallSid", &sid), ("CallStatus", end)]).await;
            assert_eq!(desk.message(id).await["status"], first);
        }
    }
}

#[tokio::test]
async fn what_came_before_the_voice_webhook_is_adopted_in_the_order_of_its_arrival() {
    let desk = Desk::open().await;
    for n in 0..8 {
        let sid = format!("CA{n}");
        let (first, second) = if n % 2 == 0 {
            ("completed", "failed")
        } else {
            ("failed", "completed")
        };
        desk.report(&[
            ("CallSid", &sid),
            ("CallStatus", first),
            ("CallDuration", "142"),
            ("AudioInMos", "4.5"),
        ])
        .await;
        desk.report(&[("CallSid", &sid), ("CallStatus", second)]).await;
        desk.report(&[
            ("CallSid", &sid),
            ("RecordingSid", "R1"),
            ("RecordingStatus", "completed"),
            ("RecordingUrl", "https://r/1"),
        ])
        .await;
        let id = desk.inbound_call(&sid).await;
        let call = desk.message(id).await;
        assert_eq!(
            (
                &call["status"],
                &call["call_duration"],
                &call["call_recording_url"]
            ),
            (&json!(first), &json!(142), &json!("https://r/1"))
        );
        assert_eq!(desk.fixture.count("status_reports").await, 2 * (n + 1));
        // the webhook's repeat adopts nothing twice
        let before = desk.everything().await;
        assert_eq!(desk.inbound_call(&sid).await, id);
        assert_eq!(desk.everything().await, before);
    }
    assert_eq!(
        desk.fixture
            .count("parked_reports where adopted_at is null")
            .await,
        0
    );
}

#[tokio::test]
async fn adoption_keeps_the_order_of_arrival_whatever_the_plan() {
    let desk = Desk::open().await;
    // with an index scan the rows come by their hash, not by their age
    for setting in ["enable_seqscan", "enable_bitmapscan"] {
        desk.execute(&format!(
            "do $$ begin execute format('alter database %I set {setting} = off', current_database()); end $$"
        ))
        .await;
    }
    for n in 0..8 {
        let sid = format!("CA{n}");
        let ends = ["busy", "completed", "failed", "canceled", "no-answer"];
        for k in 0..5 {
            desk.report(&[("CallSid", &sid), ("CallStatus", ends[(n + k) % 5])])
                .await;
        }
        let id = desk.inbound_call(&sid).await;
        assert_eq!(desk.message(id).await["status"], ends[n % 5]);
    }
}

#[tokio::test]
async fn recording_and_transcription_complete_the_row_in_any_order() {
    let desk = Desk::open().await;
    // (path, query, fields): by the URL's call and by the body's
    type Callback<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);
    for (index, order) in permutations(&[0, 1, 2, 3]).into_iter().enumerate() {
        let sid = format!("CA{index}");
        let recording = format!("R{index}");
        let query = format!("call={sid}");
        let id = desk.inbound_call(&sid).await;
        let recorded = [
            ("CallSid", sid.as_str()),
            ("RecordingSid", &recording),
            ("RecordingStatus", "completed"),
            ("RecordingUrl", "https://r/1"),
            ("RecordingDuration", "14"),
        ];
        let running = [
            ("CallSid", sid.as_str()),
            ("RecordingSid", &recording),
            ("RecordingStatus", "in-progress"),
            ("RecordingUrl", "https://r/0"),
        ];
        let words = [
            ("TranscriptionSid", "T1"),
            ("TranscriptionStatus", "completed"),
            ("TranscriptionText", "Call me <back>"),
            ("RecordingSid", &recording),
        ];
        let ended = [
            ("CallSid", sid.as_str()),
            ("CallStatus", "completed"),
            ("CallDuration", "31"),
        ];
        let callbacks: [Callback<'_>; 4] = [
            (RECORDING, &query, &running),
            (RECORDING, &query, &recorded),
            (TRANSCRIPTION, &query, &words),
            (PATH, "", &ended),
        ];
        for which in order.iter().chain(&order) {
            let (path, query, fields) = callbacks[*which];
            desk.report_to(path, query, fields).await;
        }
        let call = desk.message(id).await;
        assert_eq!(
            (&call["call_recording_url"], &call["call_recording_sid"]),
            (&json!("https://r/1"), &json!(recording)),
            "{order:?}"
        );
        assert_eq!(
            (
                &call["call_transcription"],
                &call["status"],
                &call["call_duration"]
            ),
            (&json!("Call me <back>"), &json!("completed"), &json!(31))
        );
    }
    assert_eq!(
        desk.fixture.row("conversations").await["snippet"],
        "Call me <back>"
    );
    assert_eq!(desk.fixture.count("parked_reports").await, 0);
}

#[tokio::test]
async fn a_transcription_is_found_by_its_recording() {
    let desk = Desk::open().await;
    let words = [
        ("TranscriptionSid", "T1"),
        ("TranscriptionStatus", "completed"),
        ("TranscriptionText", "hello"),
        ("RecordingSid", "R1"),
    ];
    let recorded = [
        ("CallSid", "CA1"),
        ("RecordingSid", "R1"),
        ("RecordingStatus", "completed"),
        ("RecordingUrl", "https://r/1"),
    ];
    let id = desk.inbound_call("CA1").await;
    desk.report(&recorded).await;
    for _ in 0..2 {
        desk.report(&words).await;
        assert_eq!(desk.message(id).await["call_transcription"], "hello");
    }
    assert_eq!(desk.fixture.count("parked_reports").await, 0);
}

#[tokio::test]
async fn a_transcription_that_overtakes_its_recording_is_adopted() {
    let desk = Desk::open().await;
    let words = [
        ("TranscriptionSid", "T1"),
        ("TranscriptionStatus", "completed"),
        ("TranscriptionText", "hello"),
        ("RecordingSid", "R1"),
    ];
    let recorded = [
        ("CallSid", "CA1"),
        ("RecordingSid", "R1"),
        ("RecordingStatus", "completed"),
        ("RecordingUrl", "https://r/1"),
    ];
    let id = desk.inbound_call("CA1").await;
    desk.report(&words).await;
    for _ in 0..2 {
        desk.report(&recorded).await;
        assert_eq!(desk.message(id).await["call_transcription"], "hello");
        assert_eq!(
            desk.fixture
                .count("parked_reports where adopted_at is null")
                .await,
            0
        );
    }
    // and both before the call itself
    desk.report(&[
        ("TranscriptionSid", "T2"),
        ("TranscriptionStatus", "completed"),
        ("TranscriptionText", "there"),
        ("RecordingSid", "R2"),
    ])
    .await;
    desk.report(&[
        ("CallSid", "CA2"),
        ("RecordingSid", "R2"),
        ("RecordingStatus", "completed"),
        ("RecordingUrl", "https://r/2"),
    ])
    .await;
    let id = desk.inbound_call("CA2").await;
    assert_eq!(desk.message(id).await["call_transcription"], "there");
    assert_eq!(
        desk.fixture
            .count("parked_reports where adopted_at is null")
            .await,
        0
    );
}

#[tokio::test]
async fn what_failed_or_is_absent_completes_nothing() {
    let desk = Desk::open().await;
    let id = desk.inbound_call("CA1").await;
    for status in ["absent", "failed", "in-progress"] {
        desk.report_to(
            RECORDING,
            "call=CA1",
            &[
                ("RecordingSid", "R1"),
                ("RecordingStatus", status),
                ("RecordingUrl", "https://r/1"),
            ],
        )
        .await;
    }
    desk.report_to(
        TRANSCRIPTION,
        "call=CA1",
        &[
            ("TranscriptionSid", "T1"),
            ("TranscriptionStatus", "failed"),
            ("TranscriptionText", ""),
            ("RecordingSid", "R1"),
        ],
    )
    .await;
    let call = desk.message(id).await;
    assert_eq!(
        (&call["call_recording_url"], &call["call_transcription"]),
        (&json!(null), &json!(null))
    );
    desk.report_to(
        TRANSCRIPTION,
        "call=CA1",
        &[
            ("TranscriptionSid", "T1"),
            ("TranscriptionStatus", "completed"),
            ("TranscriptionText", "a\0b"),
            ("RecordingSid", "R1"),
        ],
    )
    .await;
    assert_eq!(desk.message(id).await["call_transcription"], "a\u{fffd}b");
}

#[tokio::test]
async fn an_old_voicemails_text_does_not_cover_a_newer_calls_snippet() {
    let desk = Desk::open().await;
    desk.inbound_call("CA1").await;
    desk.inbound_call("CA2").await;
    desk.report_to(
        TRANSCRIPTION,
        "call=CA1",
        &[
            ("TranscriptionSid", "T1"),
            ("TranscriptionStatus", "completed"),
            ("TranscriptionText", "old words"),
        ],
    )
    .await;
    assert_eq!(desk.fixture.row("conversations").await["snippet"], "[call]");
}
