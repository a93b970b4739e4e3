//! What SignalWire reports later: of messages, calls, recordings, transcriptions, the campaign.

use serde_json::json;

use crate::carrier::{
    CALL, CUSTOMER, FOREIGN, Fields, RECORDING, STATUS, answer, json_webhook, stored, webhook,
};
use crate::catalogue::{Event, NUMBER, PROJECT};

fn message<'a>(sid: &'a str, status: &'a str, more: Fields<'a>) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        ("MessageSid", sid),
        ("AccountSid", PROJECT),
        ("MessageStatus", status),
        ("From", NUMBER),
        ("To", CUSTOMER),
        ("NumMedia", "0"),
        ("NumSegments", "1"),
    ];
    fields.extend_from_slice(more);
    fields
}

/// For `status-callback`.
pub fn reports() -> Vec<Event> {
    let sid = "8a8e5ec4-071a-408e-948c-2429da869cc9";
    let recording = format!(
        "https://example.signalwire.com/api/laml/2010-04-01/Accounts/{PROJECT}/Recordings/{RECORDING}"
    );
    let query = format!("call={CALL}");
    vec![
        Event::new(
            "message-delivered",
            webhook(STATUS, "", &message(sid, "delivered", &[])),
            stored(),
        ),
        Event::new(
            "message-undelivered",
            webhook(
                &format!("{STATUS}/0192f0c1-0000-7000-8000-000000000001"),
                "",
                &message(
                    "8a8e5ec4-071a-408e-948c-2429da869cca",
                    "undelivered",
                    &[("ErrorCode", "30003")],
                ),
            ),
            stored(),
        ),
        Event::new(
            "message-read-json",
            json_webhook(
                STATUS,
                &json!({
                    "id": "a1b2c3d4-e5f6-4890-abcd-ef1234567890", "project_id": PROJECT, "status": "read", "to": CUSTOMER, "from": NUMBER,
                    "number_of_segments": 1, "timestamp": "2026-01-05T15:00:00Z", "error_code": null, "error_message": null,
                }),
            ),
            stored(),
        ),
        Event::new(
            "call-completed",
            webhook(
                STATUS,
                "",
                &[
                    ("CallSid", CALL),
                    ("AccountSid", PROJECT),
                    ("From", CUSTOMER),
                    ("To", NUMBER),
                    ("Timestamp", "Mon, 05 Jan 2026 15:00:00 +0000"),
                    ("CallStatus", "completed"),
                    ("CallDuration", "142"),
                    ("AudioInMos", "4.5"),
                ],
            ),
            stored(),
        ),
        Event::new(
            "recording-completed",
            webhook(
                &format!("{STATUS}/recording"),
                &query,
                &[
                    ("AccountSid", PROJECT),
                    ("CallSid", CALL),
                    ("RecordingSid", RECORDING),
                    ("RecordingUrl", &recording),
                    ("RecordingStatus", "completed"),
                    ("RecordingDuration", "14"),
                    ("RecordingChannels", "1"),
                    ("RecordingSource", "RecordVerb"),
                ],
            ),
            stored(),
        ),
        Event::new(
            "transcription-completed",
            webhook(
                &format!("{STATUS}/transcription"),
                &query,
                &[
                    ("TranscriptionSid", "2c1a4b0e-63a5-4a7d-9d53-8a64f7d2c911"),
                    (
                        "TranscriptionText",
                        "Hello, please call me back about the invoice.",
                    ),
                    ("TranscriptionStatus", "completed"),
                    ("RecordingSid", RECORDING),
                    ("RecordingUrl", &recording),
                ],
            ),
            stored(),
        ),
        Event::new(
            "campaign-number-assigned",
            json_webhook(
                &format!("{STATUS}/campaign"),
                &json!({
                    "project_id": PROJECT, "event_at": "2026-01-05T15:00:00Z", "event_category": "number_assignment",
                    "event_type": "number_assignment_activated", "state": "completed",
                    "campaign_id": "3fa85f64-5717-4562-b3fc-2c963f66afa7", "phone_number": NUMBER,
                }),
            ),
            stored(),
        ),
        Event::new(
            "campaign-brand",
            json_webhook(
                &format!("{STATUS}/campaign"),
                &json!({
                    "project_id": PROJECT, "event_at": "2026-01-05T15:00:00Z", "event_category": "brand", "event_type": "brand_activated",
                    "state": "completed", "brand_id": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
                }),
            ),
            stored(),
        ),
        Event::new(
            "unknown-status",
            webhook(STATUS, "", &message(sid, "melted", &[])),
            stored(),
        ),
        Event::new(
            "no-status",
            webhook(STATUS, "", &[("MessageSid", sid), ("AccountSid", PROJECT)]),
            answer(400, "<Response/>"),
        ),
        Event::new(
            "json-without-id",
            json_webhook(STATUS, &json!({ "project_id": PROJECT, "status": "sent" })),
            answer(400, "<Response/>"),
        ),
        Event::new(
            "foreign-account",
            webhook(
                STATUS,
                "",
                &[
                    ("MessageSid", sid),
                    ("AccountSid", FOREIGN),
                    ("MessageStatus", "delivered"),
                ],
            ),
            answer(403, ""),
        ),
    ]
}
