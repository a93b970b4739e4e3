//! What SignalWire sends, signed with the local stack's key: it verifies with `WEBHOOK_SIGNATURES=required` too.

use serde_json::{Value, json};
use simulator::{Config, Params, sign_form, sign_json};

use crate::catalogue::{APP_URL, Event, NUMBER, PLATFORM_NUMBER, PROJECT, http};

const SMS: &str = "/api/webhooks/signalwire/sms";
const WHATSAPP: &str = "/api/webhooks/signalwire/whatsapp";
const VOICE: &str = "/api/webhooks/signalwire/voice";
const STATUS: &str = "/api/webhooks/signalwire/status";
const CUSTOMER: &str = "+14155551234";
const MESSAGE: &str = "0a059168-ead0-41af-9d1f-343dae832527";
const CALL: &str = "43bb71ee-553f-4074-bb20-8e2747647cce";
const RECORDING: &str = "19e436af-5688-4307-b03b-bdb2b42b8142";
const FOREIGN: &str = "00000000-1d2c-4c3b-9a55-0c1f8e7a9b10";

/// Names and values of a form.
pub type Fields<'a> = &'a [(&'a str, &'a str)];

/// A signed webhook with a form.
pub fn webhook(path: &str, query: &str, fields: Fields<'_>) -> Value {
    let params: Params = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let mark = if query.is_empty() { "" } else { "?" };
    let signature = sign_form(
        &Config::default().signing_key,
        &format!("{APP_URL}{path}{mark}{query}"),
        &params,
    );
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("user-agent", "SignalWire"),
        ("x-signalwire-signature", &signature),
    ];
    http(path, query, &headers, params.encode().as_bytes())
}

fn json_webhook(path: &str, body: &Value) -> Value {
    let body = body.to_string();
    let signature = sign_json(
        &Config::default().signing_key,
        &format!("{APP_URL}{path}"),
        body.as_bytes(),
    );
    let headers = [
        ("content-type", "application/json"),
        ("user-agent", "SignalWire"),
        ("x-signalwire-signature", &signature),
    ];
    http(path, "", &headers, body.as_bytes())
}

/// It was taken, and there is nothing to say.
pub fn stored() -> Value {
    answer(200, "<Response/>")
}

/// Status and body.
pub fn answer(status: u16, body: &str) -> Value {
    json!({ "statusCode": status, "body": body })
}

fn confirmed(text: &str) -> Value {
    answer(
        200,
        &format!("<Response><Message>Acme Plumbing: {text}</Message></Response>"),
    )
}

/// For `sms-webhook`.
pub fn messages() -> Vec<Event> {
    let sms = |sid: &str, from: &str, to: &str, body: &str| {
        webhook(
            SMS,
            "",
            &[
                ("MessageSid", sid),
                ("SmsSid", sid),
                ("AccountSid", PROJECT),
                ("From", from),
                ("To", to),
                ("Body", body),
                ("NumMedia", "0"),
                ("NumSegments", "1"),
            ],
        )
    };
    let media = format!(
        "https://example.signalwire.com/api/laml/2010-04-01/Accounts/{PROJECT}/Messages/{MESSAGE}/Media"
    );
    let chooser = "+14155550160"; // whose consent changes, so that the others' stays
    vec![
        Event::new(
            "inbound-sms",
            sms(MESSAGE, CUSTOMER, NUMBER, "Hi, are you open on Saturday?"),
            stored(),
        ),
        Event::new(
            "inbound-mms",
            webhook(
                SMS,
                "",
                &[
                    ("MessageSid", "0a059168-ead0-41af-9d1f-343dae832529"),
                    ("AccountSid", PROJECT),
                    ("From", CUSTOMER),
                    ("To", NUMBER),
                    ("Body", "Photo of the leak"),
                    ("NumMedia", "2"),
                    ("NumSegments", "1"),
                    (
                        "MediaUrl0",
                        &format!("{media}/5b0f8a3e-6f3b-4f37-8f0c-1d5a7f1c2e01"),
                    ),
                    ("MediaContentType0", "image/jpeg"),
                    (
                        "MediaUrl1",
                        &format!("{media}/5b0f8a3e-6f3b-4f37-8f0c-1d5a7f1c2e02"),
                    ),
                    ("MediaContentType1", "image/png"),
                ],
            ),
            stored(),
        ),
        Event::new(
            "whatsapp",
            webhook(
                WHATSAPP,
                "",
                &[
                    ("MessageSid", "0a059168-ead0-41af-9d1f-343dae832530"),
                    ("AccountSid", PROJECT),
                    ("From", &format!("whatsapp:{CUSTOMER}")),
                    ("To", &format!("whatsapp:{NUMBER}")),
                    ("Body", "¿Están abiertos? 😀"),
                    ("NumMedia", "0"),
                ],
            ),
            stored(),
        ),
        Event::new(
            "the-guides-curl",
            webhook(
                SMS,
                "",
                &[
                    ("To", NUMBER),
                    ("From", CUSTOMER),
                    ("Body", "Test"),
                    ("MessageSid", "SM123"),
                ],
            ),
            stored(),
        ),
        Event::new(
            "stop-keyword",
            sms("0a059168-ead0-41af-9d1f-343dae832531", chooser, NUMBER, "Stop"),
            confirmed(
                "You have been unsubscribed and will receive no more messages from this number. Reply START to resubscribe.",
            ),
        ),
        Event::new(
            "start-keyword",
            sms("0a059168-ead0-41af-9d1f-343dae832532", chooser, NUMBER, "START"),
            confirmed(
                "You are subscribed to messages from this number again. Reply HELP for help, STOP to unsubscribe.",
            ),
        ),
        Event::new(
            "help-keyword",
            sms("0a059168-ead0-41af-9d1f-343dae832533", CUSTOMER, NUMBER, "help"),
            confirmed(
                "To reach us, reply to this number. Message and data rates may apply. Reply STOP to unsubscribe, START to resubscribe.",
            ),
        ),
        Event::new(
            "platform-number-stranger",
            sms(
                "0a059168-ead0-41af-9d1f-343dae832534",
                "+14155550161",
                PLATFORM_NUMBER,
                "Who is this?",
            ),
            stored(),
        ),
        Event::new(
            "unknown-number",
            sms(
                "0a059168-ead0-41af-9d1f-343dae832535",
                CUSTOMER,
                "+14055550000",
                "Anybody there?",
            ),
            stored(),
        ),
        Event::new(
            "odd-text",
            sms(
                "0a059168-ead0-41af-9d1f-343dae832536",
                CUSTOMER,
                NUMBER,
                "\0 <&\"'> \u{202e}\u{fffe}",
            ),
            stored(),
        ),
        Event::new(
            "malformed-number",
            sms(
                "0a059168-ead0-41af-9d1f-343dae832537",
                CUSTOMER,
                "405-555-1234",
                "Hi",
            ),
            answer(400, "<Response/>"),
        ),
        Event::new(
            "no-message-sid",
            webhook(
                SMS,
                "",
                &[
                    ("AccountSid", PROJECT),
                    ("From", CUSTOMER),
                    ("To", NUMBER),
                    ("Body", "Hi"),
                ],
            ),
            answer(400, "<Response/>"),
        ),
        Event::new(
            "json-body",
            json_webhook(
                SMS,
                &json!({ "MessageSid": MESSAGE, "From": CUSTOMER, "To": NUMBER }),
            ),
            answer(400, "<Response/>"),
        ),
        Event::new(
            "foreign-account",
            webhook(
                SMS,
                "",
                &[
                    ("MessageSid", MESSAGE),
                    ("AccountSid", FOREIGN),
                    ("From", CUSTOMER),
                    ("To", NUMBER),
                    ("Body", "Hi"),
                ],
            ),
            answer(403, ""),
        ),
    ]
}

/// For `voice-webhook`.
pub fn calls() -> Vec<Event> {
    let call = |path: &str, sid: &str, from: &str, to: &str, more: Fields<'_>| {
        let mut fields = vec![
            ("CallSid", sid),
            ("AccountSid", PROJECT),
            ("ApiVersion", "2010-04-01"),
            ("From", from),
            ("To", to),
            ("Direction", "inbound"),
        ];
        fields.extend_from_slice(more);
        webhook(path, "", &fields)
    };
    let ringing = [("CallStatus", "ringing")];
    let (dial_result, recording_done) = (format!("{VOICE}/dial-result"), format!("{VOICE}/recording-done"));
    let recording = format!(
        "https://example.signalwire.com/api/laml/2010-04-01/Accounts/{PROJECT}/Recordings/{RECORDING}"
    );
    let dialled = |status: &'static str, seconds: &'static str| {
        [
            ("CallStatus", "in-progress"),
            ("DialCallSid", "7c0e5a52-2f3b-4b55-8f0e-5a3d0c9b1e77"),
            ("DialCallStatus", status),
            ("DialCallDuration", seconds),
        ]
    };
    let recorded = [
        ("CallStatus", "in-progress"),
        ("RecordingUrl", recording.as_str()),
        ("RecordingDuration", "14"),
        ("Digits", "#"),
    ];
    let answered = json!({ "statusCode": 200 });
    let hangup = answer(200, "<Response><Hangup/></Response>");
    vec![
        Event::new(
            "inbound-call",
            call(VOICE, CALL, CUSTOMER, NUMBER, &ringing),
            answered.clone(),
        ),
        Event::new(
            "anonymous-caller",
            call(
                VOICE,
                "43bb71ee-553f-4074-bb20-8e2747647cc1",
                "anonymous",
                NUMBER,
                &ringing,
            ),
            answered.clone(),
        ),
        Event::new(
            "unknown-number",
            call(
                VOICE,
                "43bb71ee-553f-4074-bb20-8e2747647cc2",
                CUSTOMER,
                "+14055550000",
                &ringing,
            ),
            stored(),
        ),
        Event::new(
            "dial-no-answer",
            call(&dial_result, CALL, CUSTOMER, NUMBER, &dialled("no-answer", "0")),
            answered,
        ),
        Event::new(
            "dial-completed",
            call(&dial_result, CALL, CUSTOMER, NUMBER, &dialled("completed", "61")),
            hangup.clone(),
        ),
        Event::new(
            "recording-done",
            call(&recording_done, CALL, CUSTOMER, NUMBER, &recorded),
            hangup.clone(),
        ),
        Event::new(
            "recording-of-silence",
            call(&recording_done, CALL, CUSTOMER, NUMBER, &[("RecordingUrl", "")]),
            hangup,
        ),
        Event::new(
            "script-of-no-call",
            call(
                &format!("{VOICE}/outbound/00000000-0000-4000-8000-000000000000"),
                CALL,
                NUMBER,
                CUSTOMER,
                &[("CallStatus", "in-progress")],
            ),
            answer(404, ""),
        ),
        Event::new(
            "malformed-number",
            call(VOICE, CALL, CUSTOMER, "4055551234", &ringing),
            answer(400, "<Response/>"),
        ),
        Event::new(
            "no-dial-status",
            call(&dial_result, CALL, CUSTOMER, NUMBER, &[]),
            answer(400, "<Response/>"),
        ),
        Event::new(
            "foreign-account",
            webhook(
                VOICE,
                "",
                &[
                    ("CallSid", CALL),
                    ("AccountSid", FOREIGN),
                    ("From", CUSTOMER),
                    ("To", NUMBER),
                ],
            ),
            answer(403, ""),
        ),
    ]
}

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
