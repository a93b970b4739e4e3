//! What does not get in, each beside what does.

use crate::support::{CUSTOMER, Desk, EMPTY, NUMBER, PATH, sms};
use common::config::Settings;
use devstack::fixture::{APP_URL, Fixture, form, request, text};
use lambda_http::Request;
use simulator::{Params, sign_form, sign_json};
use sms_webhook::App;
use testkit::runtime_api::http_event;

const FORM: &str = "application/x-www-form-urlencoded";

fn raw(headers: &[(&str, &str)], body: &[u8]) -> Request {
    request(http_event("POST", PATH, "", headers, body))
}

fn signature(key: &str, fields: &[(&str, &str)]) -> String {
    let params: Params = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    sign_form(key, &format!("{APP_URL}{PATH}"), &params)
}

#[tokio::test]
async fn what_is_not_signed_is_refused_without_a_byte_to_postgres() {
    let (desk, proxy) = Desk::open_behind_proxy().await;
    let key = desk.fixture.simulator.config().signing_key.clone();
    let fields = sms("SM1", CUSTOMER, NUMBER, "hello");
    let body = form(&fields);
    let good = signature(&key, &fields);
    let other_body = form(&sms("SM1", CUSTOMER, NUMBER, "hullo"));
    let url_only = sign_form(&key, &format!("{APP_URL}{PATH}"), &Params::default());
    let hex = sign_json(&key, &format!("{APP_URL}{PATH}"), body.as_bytes());
    let forged = signature("PSK_somebody_elses", &fields);
    let token = signature(&desk.fixture.simulator.config().token, &fields);
    let swapped = good.chars().rev().collect::<String>();
    let refused = [
        ("no signature", raw(&[("content-type", FORM)], body.as_bytes())),
        (
            "an empty one",
            raw(
                &[("content-type", FORM), ("x-signalwire-signature", "")],
                body.as_bytes(),
            ),
        ),
        (
            "another key",
            raw(
                &[("content-type", FORM), ("x-signalwire-signature", &forged)],
                body.as_bytes(),
            ),
        ),
        (
            "the API token",
            raw(
                &[("content-type", FORM), ("x-signalwire-signature", &token)],
                body.as_bytes(),
            ),
        ),
        (
            "no base64",
            raw(
                &[("content-type", FORM), ("x-signalwire-signature", "é?")],
                body.as_bytes(),
            ),
        ),
        (
            "another signature",
            raw(
                &[("content-type", FORM), ("x-signalwire-signature", &swapped)],
                body.as_bytes(),
            ),
        ),
        (
            "a part of it",
            raw(
                &[("content-type", FORM), ("x-signalwire-signature", &good[..8])],
                body.as_bytes(),
            ),
        ),
        (
            "another body",
            raw(
                &[("content-type", FORM), ("x-signalwire-signature", &good)],
                other_body.as_bytes(),
            ),
        ),
        (
            "the URL alone",
            raw(
                &[("content-type", FORM), ("x-signalwire-signature", &url_only)],
                body.as_bytes(),
            ),
        ),
        (
            "the JSON scheme",
            raw(
                &[("content-type", FORM), ("x-signalwire-signature", &hex)],
                body.as_bytes(),
            ),
        ),
        (
            "called JSON",
            raw(
                &[
                    ("content-type", "application/json"),
                    ("x-signalwire-signature", &good),
                ],
                body.as_bytes(),
            ),
        ),
        (
            "another path",
            request(http_event(
                "POST",
                "/api/webhooks/signalwire/whatsapp",
                "",
                &[("content-type", FORM), ("x-signalwire-signature", &good)],
                body.as_bytes(),
            )),
        ),
        (
            "another query",
            request(http_event(
                "POST",
                PATH,
                "a=1",
                &[("content-type", FORM), ("x-signalwire-signature", &good)],
                body.as_bytes(),
            )),
        ),
    ];
    for (name, request) in refused {
        let response = desk.app.handle(request).await;
        assert_eq!((response.status().as_u16(), text(&response)), (403, ""), "{name}");
    }
    // a signed request of another project, and one that is too long, cost nothing either
    let foreign = desk.fixture.webhook(
        PATH,
        &[
            ("AccountSid", "11111111-1d2c-4c3b-9a55-0c1f8e7a9b10"),
            ("MessageSid", "SM1"),
            ("From", CUSTOMER),
            ("To", NUMBER),
        ],
    );
    assert_eq!(desk.status(foreign).await, 403);
    assert_eq!(
        desk.status(
            desk.fixture
                .webhook(PATH, &sms("SM1", CUSTOMER, NUMBER, &"a".repeat(70_000)))
        )
        .await,
        413
    );
    let counts = proxy.counts();
    assert_eq!((counts.connections, counts.bytes_to_server), (0, 0));

    let ours = desk.fixture.simulator.config().project_id.clone();
    assert_eq!(
        desk.send(&[
            ("AccountSid", &ours),
            ("MessageSid", "SM1"),
            ("From", CUSTOMER),
            ("To", NUMBER),
            ("Body", "hello")
        ])
        .await,
        EMPTY
    );
    assert!(proxy.counts().bytes_to_server > 0);
    assert_eq!(desk.fixture.count("conversation_messages").await, 1);
}

#[tokio::test]
async fn the_legacy_header_is_an_alias() {
    let desk = Desk::open().await;
    let fields = sms("SM1", CUSTOMER, NUMBER, "hello");
    let good = signature(&desk.fixture.simulator.config().signing_key, &fields);
    let body = form(&fields);
    assert_eq!(
        desk.status(raw(
            &[("content-type", FORM), ("X-Twilio-Signature", &good)],
            body.as_bytes()
        ))
        .await,
        200
    );
    assert_eq!(
        desk.status(raw(
            &[("content-type", FORM), ("X-Twilio-Signature", "AAAA")],
            body.as_bytes()
        ))
        .await,
        403
    );
    // without a content type a body is a form, as the carrier sends it
    assert_eq!(
        desk.status(raw(&[("X-SignalWire-Signature", &good)], body.as_bytes()))
            .await,
        200
    );
    assert_eq!(desk.fixture.count("conversation_messages").await, 1);
}

#[tokio::test]
async fn two_keys_are_good_during_a_rotation() {
    let desk =
        Desk::open_with(|fixture| fixture.set("SIGNALWIRE_SIGNING_KEY", "PSK_new, PSK_local_signing_key"))
            .await;
    for (sid, key, status) in [
        ("SM1", "PSK_new", 200),
        ("SM2", "PSK_local_signing_key", 200),
        ("SM3", "PSK_older", 403),
        ("SM4", "PSK_new, PSK_local_signing_key", 403),
    ] {
        let fields = sms(sid, CUSTOMER, NUMBER, "hello");
        let signature = signature(key, &fields);
        let request = raw(
            &[("content-type", FORM), ("x-signalwire-signature", &signature)],
            form(&fields).as_bytes(),
        );
        assert_eq!(desk.status(request).await, status, "{key}");
    }
    assert_eq!(desk.fixture.count("conversation_messages").await, 2);
}

#[tokio::test]
async fn the_limit_is_64_kilobytes() {
    let desk = Desk::open().await;
    let overhead = form(&sms("SM1", CUSTOMER, NUMBER, "")).len();
    let fits = "a".repeat(64 * 1024 - overhead);
    assert_eq!(desk.text("SM1", &fits).await, EMPTY);
    let longer = format!("{fits}a");
    assert_eq!(
        desk.status(desk.fixture.webhook(PATH, &sms("SM2", CUSTOMER, NUMBER, &longer)))
            .await,
        413
    );
    // the size comes before the signature
    assert_eq!(
        desk.status(raw(&[("content-type", FORM)], longer.repeat(3).as_bytes()))
            .await,
        413
    );
    assert_eq!(desk.fixture.count("conversation_messages").await, 1);
}

#[tokio::test]
async fn what_lacks_a_field_or_has_a_malformed_one_is_a_400_with_an_empty_document() {
    let desk = Desk::open().await;
    let long = "x".repeat(129);
    let bad: &[&[(&str, &str)]] = &[
        &[],
        &[("hello", "")],
        &[("From", CUSTOMER), ("To", NUMBER), ("Body", "x")],
        &[("MessageSid", ""), ("From", CUSTOMER), ("To", NUMBER)],
        &[("MessageSid", "a b"), ("From", CUSTOMER), ("To", NUMBER)],
        &[("MessageSid", "a\nb"), ("From", CUSTOMER), ("To", NUMBER)],
        &[("MessageSid", &long), ("From", CUSTOMER), ("To", NUMBER)],
        &[("MessageSid", "SM1"), ("To", NUMBER)],
        &[("MessageSid", "SM1"), ("From", CUSTOMER)],
        &[("MessageSid", "SM1"), ("From", CUSTOMER), ("To", "")],
        &[("MessageSid", "SM1"), ("From", CUSTOMER), ("To", "14055550123")],
        &[("MessageSid", "SM1"), ("From", CUSTOMER), ("To", "+1405555012x")],
        &[("MessageSid", "SM1"), ("From", CUSTOMER), ("To", " 14055550123")],
        &[
            ("MessageSid", "SM1"),
            ("From", CUSTOMER),
            ("To", "+12345678901234567890"),
        ],
        &[("MessageSid", "SM1"), ("From", CUSTOMER), ("To", "whatsapp:")],
        &[("MessageSid", "SM1"), ("From", "anonymous"), ("To", NUMBER)],
        &[("MessageSid", "SM1"), ("From", "+"), ("To", NUMBER)],
        &[("MessageSid", "SM1"), ("From", "' or 1=1 --"), ("To", NUMBER)],
        &[("MessageSid", "SM1"), ("From", "\0"), ("To", NUMBER)],
        &[("messagesid", "SM1"), ("from", CUSTOMER), ("to", NUMBER)],
    ];
    for fields in bad {
        let response = desk.app.handle(desk.fixture.webhook(PATH, fields)).await;
        assert_eq!(
            (response.status().as_u16(), text(&response)),
            (400, EMPTY),
            "{fields:?}"
        );
        assert_eq!(response.headers()["content-type"], "text/xml; charset=utf-8");
    }
    assert!(desk.everything().await.is_empty());
    // beside them: a short code writes, and the legacy name of the SID is read
    assert_eq!(
        desk.send(&[
            ("SmsSid", "SM1"),
            ("From", "262966"),
            ("To", NUMBER),
            ("Body", "code 1234")
        ])
        .await,
        EMPTY
    );
    assert_eq!(
        desk.fixture.row("conversations").await["customer_phone"],
        "262966"
    );
}

#[tokio::test]
async fn json_is_no_message() {
    let desk = Desk::open().await;
    let url = format!("{APP_URL}{PATH}");
    for body in [
        r#"{"MessageSid":"SM1","From":"+14155550101","To":"+14055550123","Body":"x"}"#,
        "{",
        "[]",
        "null",
    ] {
        let signature = desk.fixture.simulator.sign_json(&url, body.as_bytes());
        let headers = [
            ("content-type", "application/json"),
            ("x-signalwire-signature", signature.as_str()),
        ];
        let response = desk.app.handle(raw(&headers, body.as_bytes())).await;
        assert_eq!(
            (response.status().as_u16(), text(&response)),
            (400, EMPTY),
            "{body}"
        );
    }
    assert!(desk.everything().await.is_empty());
}

#[tokio::test]
async fn a_setting_that_is_missing_or_malformed_stops_the_start_by_name() {
    let fixture = Fixture::of("sms-webhook").await;
    let start = async |name: &str, value: Option<&str>| {
        let mut pairs = fixture.environment();
        pairs.retain(|(known, _)| known != name);
        if let Some(value) = value {
            pairs.push((name.to_owned(), value.to_owned()));
        }
        let pairs: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        App::start_with(Settings::of(&pairs))
            .await
            .err()
            .map(|error| error.to_string())
    };
    for name in [
        "SIGNALWIRE_SIGNING_KEY",
        "SIGNALWIRE_PROJECT_ID",
        "APP_URL",
        "DATABASE_URL",
        "SIGNALWIRE_PHONE_NUMBER",
    ] {
        assert!(
            start(name, None).await.is_some_and(|why| why.contains(name)),
            "{name} is missing"
        );
        assert!(
            start(name, Some(" ")).await.is_some_and(|why| why.contains(name)),
            "{name} is empty"
        );
    }
    for (name, value) in [
        ("SIGNALWIRE_SIGNING_KEY", "a,b,c"),
        ("APP_URL", "example.com"),
        ("DATABASE_URL", "mysql://u:hunter2@x/y"),
        ("SIGNALWIRE_PHONE_NUMBER", "4056940235"),
        ("WEBHOOK_SIGNATURES", "maybe"),
    ] {
        let why = start(name, Some(value)).await.unwrap_or_default();
        assert!(why.contains(name) && !why.contains("hunter2"), "{name}: {why}");
    }
    assert_eq!(start("WEBHOOK_SIGNATURES", Some("required")).await, None);
}
