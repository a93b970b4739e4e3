//! One function for each parser that reads what strangers send. Each takes any bytes and returns; what it must never do is panic,
//! which the fuzzer (`devstack/fuzz`) and the short run in `tests/targets.rs` watch for. What can be checked on the way is.

use crate::sign;
use common::domain::destination::AllowedCountries;
use common::domain::{Party, PhoneNumber, classify, segments};
use common::event::Event;
use common::spool::Spooled;
use common::webhook::cxml::{Document, Verb};
use common::webhook::signature::{Claim, Scheme, SigningKey, verify};
use common::webhook::sms::InboundMessage;
use common::webhook::voice::{DialResult, InboundCall};
use common::webhook::{Form, Payload, status};

/// A target's name and the function.
pub type Target = (&'static str, fn(&[u8]));

/// Whoever has it is the carrier.
const KEY: &str = "PSK_8c1f4e2d9b7a";

/// All of them; `devstack/fuzz` has a program for each.
pub const ALL: [Target; 6] = [
    ("form", form),
    ("signature", signature),
    ("cxml", cxml),
    ("event", event),
    ("keyword", keyword),
    ("number", number),
];

/// Form bodies, and each webhook's reading of them.
pub fn form(data: &[u8]) {
    let Some(form) = Form::parse(data) else {
        return;
    };
    for (name, value) in form.fields() {
        assert!(name.len() + value.len() <= data.len(), "decoding never grows");
        if let Some(text) = std::str::from_utf8(name).ok().and_then(|name| form.get(name)) {
            assert!(!text.contains('\0'), "Postgres takes every text");
        }
    }
    let _ = InboundMessage::read(&form, false);
    let _ = InboundMessage::read(&form, true);
    let _ = InboundCall::read(&form);
    let _ = DialResult::read(&form);
    let path = "/api/webhooks/signalwire/status";
    let _ = status::read(&Payload::Form(form), path, "");
}

/// Signatures: the first line is the claim, the second the URL, the rest the body. Nobody who has not the key gets through; the
/// carrier, in an implementation of its own ([`sign`]), does.
pub fn signature(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.splitn(3, '\n');
    let (claimed, url, body) = (
        lines.next().unwrap_or(""),
        lines.next().unwrap_or(""),
        lines.next().unwrap_or("").as_bytes(),
    );
    let Some(form) = Form::parse(body) else {
        return;
    };
    let keys: Vec<SigningKey> = SigningKey::new(KEY).into_iter().collect();
    for claim in [
        Claim {
            sha1: Some(claimed),
            sha256: None,
        },
        Claim {
            sha1: None,
            sha256: Some(claimed),
        },
        Claim {
            sha1: Some(claimed),
            sha256: Some(claimed),
        },
    ] {
        assert!(!verify(&keys, url, Scheme::Form(&form), claim));
        assert!(!verify(&keys, url, Scheme::Json(body), claim));
    }
    let honest = sign::of_form(KEY, url, form.fields());
    let other = format!("{url}x");
    let claim = |sha1| Claim {
        sha1: Some(sha1),
        sha256: None,
    };
    assert!(verify(&keys, url, Scheme::Form(&form), claim(&honest)));
    assert!(!verify(&keys, &other, Scheme::Form(&form), claim(&honest)));
    if !url.contains("bodySHA256=") {
        let honest = sign::of_json(KEY, url, body);
        assert!(verify(&keys, url, Scheme::Json(body), claim(&honest)));
        assert!(!verify(&keys, &other, Scheme::Json(body), claim(&honest)));
        assert!(!verify(
            &keys,
            url,
            Scheme::Json(body),
            claim(&honest.to_uppercase())
        ));
    }
}

/// Values in answers, in every element and attribute that takes one: whatever is said, it is said inside its element.
pub fn cxml(data: &[u8]) {
    let text = || String::from_utf8_lossy(data).into_owned();
    let document = Document(vec![
        Verb::Message(text()),
        Verb::Say(text()),
        Verb::Dial {
            numbers: vec![text()],
            caller_id: text(),
            action: Some(text()),
            timeout_seconds: 20,
        },
        Verb::Record {
            action: text(),
            recording_status: text(),
            transcription: text(),
            max_seconds: 120,
        },
    ]);
    let xml = document.to_xml();
    let forbidden = |c: char| (c < ' ' && !"\t\n\r".contains(c)) || matches!(c, '\u{fffe}' | '\u{ffff}');
    assert!(!xml.contains(forbidden), "XML 1.0 has no such character");
    for (tag, count) in [
        ("<Response", 1),
        ("<Message", 1),
        ("<Say", 1),
        ("<Dial", 1),
        ("<Number", 1),
        ("<Record", 1),
        ("</", 5),
        ("<", 11),
        (">", 11),
    ] {
        assert_eq!(xml.matches(tag).count(), count, "{tag}");
    }
    // an odd quote would end an attribute before its time
    assert_eq!(xml.matches('"').count(), 2 * ATTRIBUTES, "attributes");
}

/// What [`cxml`]'s document has: four of `Dial`, eight of `Record`.
const ATTRIBUTES: usize = 12;

/// Events of the queues, and JSON callbacks.
pub fn event(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(event) = Event::read(&text) {
        let again = serde_json::to_string(&event).expect("an event is JSON");
        assert!(!again.contains("\\u0000"), "Postgres takes every text");
        assert_eq!(Event::read(&again).as_ref(), Ok(&event));
    }
    if let Ok(spooled) = Spooled::read(&text) {
        let _ = spooled.payload();
    }
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(data) {
        let _ = clerk_webhook::translate("msg_1", &value);
        let _ = status::read(&Payload::Json(value), "/api/webhooks/signalwire/status", "id=x");
    }
    if let Ok(countries) = "US,CA".parse::<AllowedCountries>() {
        let _ = outbound_send::request::SendRequest::read(data, &countries);
    }
}

/// Keywords and segments of a text.
pub fn keyword(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let keyword = classify(&text);
    assert_eq!(
        keyword.is_some(),
        classify(&format!(" {text}\n")).is_some(),
        "space around a word says nothing"
    );
    assert!(segments::count(&text) >= 0);
}

/// Numbers as strangers write them.
pub fn number(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let _ = (Party::of_message(&text), Party::of_call(&text));
    if let Ok(number) = text.parse::<PhoneNumber>() {
        let plain = number.as_str();
        assert!(plain.len() <= 16, "E.164 has fifteen digits at most");
        assert_eq!(
            plain.parse::<PhoneNumber>().as_ref().map(PhoneNumber::as_str),
            Ok(plain)
        );
        if let Ok(countries) = "US,CA".parse::<AllowedCountries>() {
            let _ = countries.check(&number);
        }
        let masked = number.masked();
        assert!(
            plain.len() < 8 || !masked.contains(&plain[1..]),
            "a masked number does not tell the number"
        );
    }
}
