//! The carrier's webhooks: hostile values behind a good signature, hostile bodies without one.

use crate::{Siege, programs, with};
use attacks::hostile;
use attacks::sign;
use devstack::fixture::APP_URL;
use faults::lab::{CUSTOMER, Lab, NUMBER, SMS, STATUS, VOICE, sid};
use testkit::runtime_api::http_event;

/// A route, its friendly fields, and further fields that it reads.
struct Route {
    path: &'static str,
    query: &'static str,
    friendly: Vec<(&'static str, &'static str)>,
    more: &'static [&'static str],
}

fn message(path: &'static str) -> Route {
    Route {
        path,
        query: "",
        friendly: vec![
            ("MessageSid", "SM1"),
            ("From", CUSTOMER),
            ("To", NUMBER),
            ("Body", "Hello"),
        ],
        more: &[
            "SmsSid",
            "AccountSid",
            "NumMedia",
            "MediaUrl0",
            "MediaContentType0",
            "NumSegments",
            "SmsStatus",
        ],
    }
}

fn call(path: &'static str) -> Route {
    Route {
        path,
        query: "",
        friendly: vec![
            ("CallSid", "CA1"),
            ("From", CUSTOMER),
            ("To", NUMBER),
            ("CallStatus", "ringing"),
        ],
        more: &["AccountSid", "Direction", "ForwardedFrom", "CallerName"],
    }
}

async fn besiege(function: &'static str, routes: Vec<Route>) {
    let lab = Lab::open(programs()).await.unwrap();
    let mut siege = Siege::lay(&lab, function).await;
    let values = hostile::values();
    for route in &routes {
        let fields = route
            .friendly
            .iter()
            .map(|(name, _)| *name)
            .chain(route.more.iter().copied());
        for field in fields {
            for (what, value) in &values {
                let mut friendly = route.friendly.clone();
                let fresh = sid("SM");
                if let Some(first) = friendly.first_mut() {
                    first.1 = &fresh;
                }
                let event = siege.signed(route.path, route.query, &with(&friendly, field, value));
                siege
                    .attack(event, &format!("{} {field}: {what}", route.path))
                    .await;
            }
        }
        // each field twice, and all of them absent
        let doubled: Vec<_> = route.friendly.iter().chain(&route.friendly).copied().collect();
        let doubled = with(&doubled, "X", b"");
        let event = siege.signed(route.path, route.query, &doubled);
        siege
            .attack(event, &format!("{} every field twice", route.path))
            .await;
        let event = siege.signed(route.path, route.query, &Vec::new());
        siege.attack(event, &format!("{} no field", route.path)).await;
        for (what, body) in hostile::forms() {
            let headers = [
                ("content-type", "application/x-www-form-urlencoded"),
                ("x-signalwire-signature", "AAAA"),
            ];
            let answer = siege
                .attack(
                    http_event("POST", route.path, "", &headers, &body),
                    &format!("{} {what}", route.path),
                )
                .await;
            let expected = if body.len() > 64 * 1024 { 413 } else { 403 };
            assert_eq!(answer.status, expected, "{} {what}", route.path);
        }
        for (what, body) in hostile::documents() {
            let key = &lab.fixture.simulator.config().signing_key;
            let signature = sign::of_json(key, &format!("{APP_URL}{}", route.path), &body);
            let headers = [
                ("content-type", "application/json"),
                ("x-signalwire-signature", signature.as_str()),
            ];
            let answer = siege
                .attack(
                    http_event("POST", route.path, "", &headers, &body),
                    &format!("{} signed JSON: {what}", route.path),
                )
                .await;
            if body.len() > 64 * 1024 {
                assert_eq!(answer.status, 413, "{} {what}", route.path);
            }
        }
        let fresh = sid("SM");
        let mut friendly = route.friendly.clone();
        if let Some(first) = friendly.first_mut() {
            first.1 = &fresh;
        }
        let event = siege.signed(route.path, route.query, &with(&friendly, "Friendly", b"yes"));
        let answer = siege.attack(event, "a friendly request").await;
        assert_eq!(answer.status, 200, "{}: {}", route.path, answer.body);
    }
    siege.lift(300);
}

#[tokio::test]
async fn messages_with_anything_in_any_field() {
    besiege(
        "sms-webhook",
        vec![message(SMS), message("/api/webhooks/signalwire/whatsapp")],
    )
    .await;
}

#[tokio::test]
async fn calls_with_anything_in_any_field() {
    let dial = Route {
        path: "/api/webhooks/signalwire/voice/dial-result",
        query: "",
        friendly: vec![
            ("CallSid", "CA2"),
            ("DialCallStatus", "no-answer"),
            ("From", CUSTOMER),
            ("To", NUMBER),
        ],
        more: &["DialCallSid", "DialCallDuration"],
    };
    let recorded = Route {
        path: "/api/webhooks/signalwire/voice/recording-done",
        query: "",
        friendly: vec![("CallSid", "CA3"), ("RecordingUrl", "https://x.example/r")],
        more: &["RecordingSid", "RecordingDuration", "Digits"],
    };
    besiege("voice-webhook", vec![call(VOICE), dial, recorded]).await;
}

#[tokio::test]
async fn reports_with_anything_in_any_field() {
    let of_message = Route {
        path: STATUS,
        query: "",
        friendly: vec![("MessageSid", "SM4"), ("MessageStatus", "delivered")],
        more: &[
            "ErrorCode",
            "SequenceNumber",
            "Timestamp",
            "SmsStatus",
            "From",
            "To",
            "Price",
            "NumSegments",
        ],
    };
    let of_call = Route {
        path: STATUS,
        query: "",
        friendly: vec![("CallSid", "CA5"), ("CallStatus", "completed")],
        more: &[
            "CallDuration",
            "Duration",
            "SequenceNumber",
            "Timestamp",
            "SipResponseCode",
        ],
    };
    let of_recording = Route {
        path: "/api/webhooks/signalwire/status/recording",
        query: "call=CA6",
        friendly: vec![
            ("RecordingSid", "RE6"),
            ("RecordingStatus", "completed"),
            ("CallSid", "CA6"),
        ],
        more: &[
            "RecordingUrl",
            "RecordingDuration",
            "TranscriptionSid",
            "TranscriptionText",
            "TranscriptionStatus",
        ],
    };
    besiege("status-callback", vec![of_message, of_call, of_recording]).await;
}

#[tokio::test]
async fn the_second_path_with_anything_in_any_field() {
    besiege(
        "webhook-fallback",
        vec![
            message("/api/webhooks/signalwire/fallback/sms"),
            call("/api/webhooks/signalwire/fallback/voice"),
        ],
    )
    .await;
}
