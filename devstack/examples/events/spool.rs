//! The carrier's second path, and what waits in the spool queue.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};

use crate::carrier::{Fields, answer, stored, webhook};
use crate::catalogue::{Event, NUMBER, PROJECT, sqs};

const FALLBACK_SMS: &str = "/api/webhooks/signalwire/fallback/sms";
const FALLBACK_VOICE: &str = "/api/webhooks/signalwire/fallback/voice";
const CUSTOMER: &str = "+14155551234";
const CALL: &str = "43bb71ee-553f-4074-bb20-8e2747647c01";

fn message<'a>(sid: &'a str, account: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("MessageSid", sid),
        ("AccountSid", account),
        ("From", CUSTOMER),
        ("To", NUMBER),
        ("Body", "Did this get through?"),
        ("NumMedia", "0"),
    ]
}

/// For `webhook-fallback`.
pub fn webhooks() -> Vec<Event> {
    let dialled: Fields<'_> = &[
        ("CallSid", CALL),
        ("AccountSid", PROJECT),
        ("From", CUSTOMER),
        ("To", NUMBER),
        ("Direction", "inbound"),
        ("CallStatus", "completed"),
        ("DialCallStatus", "completed"),
    ];
    let call: Fields<'_> = &[
        ("CallSid", CALL),
        ("AccountSid", PROJECT),
        ("From", CUSTOMER),
        ("To", NUMBER),
        ("Direction", "inbound"),
        ("CallStatus", "ringing"),
    ];
    vec![
        Event::new(
            "sms",
            webhook(
                FALLBACK_SMS,
                "",
                &message("0a059168-ead0-41af-9d1f-343dae832601", PROJECT),
            ),
            stored(),
        ),
        // voicemail, whoever is called: nobody can be looked up here
        Event::new(
            "call",
            webhook(FALLBACK_VOICE, "", call),
            json!({ "statusCode": 200 }),
        ),
        Event::new(
            "call-was-answered",
            webhook(FALLBACK_VOICE, "", dialled),
            answer(200, "<Response><Hangup/></Response>"),
        ),
        Event::new(
            "foreign-account",
            webhook(
                FALLBACK_SMS,
                "",
                &message(
                    "0a059168-ead0-41af-9d1f-343dae832602",
                    "00000000-1d2c-4c3b-9a55-0c1f8e7a9b10",
                ),
            ),
            answer(403, ""),
        ),
        Event::new(
            "no-message-sid",
            webhook(
                FALLBACK_SMS,
                "",
                &[("From", CUSTOMER), ("To", NUMBER), ("Body", "Hi")],
            ),
            answer(400, "<Response/>"),
        ),
    ]
}

fn spooled(path: &str, fields: Fields<'_>) -> Value {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    json!({
        "path": path,
        "query": "",
        "contentType": "application/x-www-form-urlencoded",
        "body": BASE64.encode(form.finish()),
        "receivedAt": "2026-01-05T15:00:00Z",
    })
}

/// For `spool-replay`.
pub fn records() -> Vec<Event> {
    let done = || json!({ "batchItemFailures": [] });
    let sms = spooled(
        "/api/webhooks/signalwire/sms",
        &message("0a059168-ead0-41af-9d1f-343dae832603", PROJECT),
    );
    let status = spooled(
        "/api/webhooks/signalwire/status",
        &[
            ("MessageSid", "0a059168-ead0-41af-9d1f-343dae832604"),
            ("AccountSid", PROJECT),
            ("MessageStatus", "delivered"),
            ("From", NUMBER),
            ("To", CUSTOMER),
        ],
    );
    vec![
        Event::new("message", sqs(&[("spool-1", &sms)]), done()),
        Event::new(
            "the-same-twice",
            sqs(&[("spool-2", &sms), ("spool-3", &sms)]),
            done(),
        ),
        Event::new("status", sqs(&[("spool-4", &status)]), done()),
        // what no retry cures is parked, and what stands beside it is stored
        Event::new(
            "poison-beside-good",
            sqs(&[
                ("spool-5", &json!("this is no JSON")),
                (
                    "spool-6",
                    &spooled("/api/webhooks/signalwire/fax", &[("To", NUMBER)]),
                ),
                ("spool-7", &sms),
            ]),
            done(),
        ),
        Event::new("no-records", sqs(&[]), done()),
    ]
}
