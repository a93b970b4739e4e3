//! What SignalWire sends, signed with the local stack's key: it verifies with `WEBHOOK_SIGNATURES=required` too.

use serde_json::{Value, json};
use simulator::{Config, Params, sign_form, sign_json};

use crate::catalogue::{APP_URL, Event, NUMBER, PLATFORM_NUMBER, PROJECT, http};

const SMS: &str = "/api/webhooks/signalwire/sms";
const WHATSAPP: &str = "/api/webhooks/signalwire/whatsapp";
const VOICE: &str = "/api/webhooks/signalwire/voice";
pub const STATUS: &str = "/api/webhooks/signalwire/status";
pub const CUSTOMER: &str = "+14155551234";
const MESSAGE: &str = "0a059168-ead0-41af-9d1f-343dae832527";
pub const CALL: &str = "43bb71ee-553f-4074-bb20-8e2747647cce";
pub const RECORDING: &str = "19e436af-5688-4307-b03b-bdb2b42b8142";
pub const FOREIGN: &str = "00000000-1d2c-4c3b-9a55-0c1f8e7a9b10";

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

pub fn json_webhook(path: &str, body: &Value) -> Value {
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
