//! The event around a request: headers, hosts, paths and queries that do not fit together, and payloads that are no event at all.

use crate::{Siege, programs};
use attacks::hostile;
use faults::lab::{CUSTOMER, Lab, NUMBER, SMS, sid};
use serde_json::{Value, json};
use testkit::runtime_api::http_event;

fn hostile_events(friendly: &Value) -> Vec<(String, Value)> {
    let mut events = Vec::new();
    let mut changed = |what: String, change: &dyn Fn(&mut Value)| {
        let mut event = friendly.clone();
        change(&mut event);
        events.push((what, event));
    };
    let texts = hostile::values()
        .into_iter()
        .filter_map(|(name, value)| Some((name, String::from_utf8(value).ok()?)));
    for (name, text) in texts {
        let can_be_a_header = lambda_http::http::HeaderValue::from_str(&text).is_ok();
        for header in [
            "host",
            "x-forwarded-proto",
            "x-forwarded-for",
            "x-forwarded-port",
            "content-type",
            "content-length",
            "authorization",
            "x-signalwire-signature",
            "cookie",
            "x-amzn-trace-id",
        ] {
            if can_be_a_header {
                changed(format!("{header}: {name}"), &|event| {
                    event["headers"][header] = json!(text)
                });
            }
        }
        changed(format!("path: {name}"), &|event| {
            event["rawPath"] = json!(format!("/{text}"));
            event["requestContext"]["http"]["path"] = json!(text);
        });
        changed(format!("path without a slash: {name}"), &|event| {
            event["rawPath"] = json!(text)
        });
        changed(format!("query: {name}"), &|event| {
            event["rawQueryString"] = json!(text)
        });
        changed(format!("parameter: {name}"), &|event| {
            event["queryStringParameters"] = json!({ "a": text, &text: "b" })
        });
        changed(format!("domain name: {name}"), &|event| {
            event["requestContext"]["domainName"] = json!(text)
        });
        changed(format!("stage: {name}"), &|event| {
            event["requestContext"]["stage"] = json!(text)
        });
        changed(format!("body: {name}"), &|event| {
            event["body"] = json!(text);
            event["isBase64Encoded"] = json!(false);
        });
    }
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE", "FOO"] {
        changed(format!("method {method}"), &|event| {
            event["requestContext"]["http"]["method"] = json!(method)
        });
    }
    changed("a thousand headers".to_owned(), &|event| {
        for at in 0..1000 {
            event["headers"][format!("x-{at}")] = json!("1");
        }
    });
    changed("a header of 200 kB".to_owned(), &|event| {
        event["headers"]["x-long"] = json!("a".repeat(200_000))
    });
    changed("a signature of 200 kB".to_owned(), &|event| {
        event["headers"]["x-signalwire-signature"] = json!("A".repeat(200_000));
    });
    changed("every header twice".to_owned(), &|event| {
        let doubled: Vec<(String, String)> = event["headers"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.clone(), format!("{0},{0}", value.as_str()?))))
            .collect();
        for (name, value) in doubled {
            event["headers"][name] = json!(value);
        }
    });
    changed("no body".to_owned(), &|event| event["body"] = Value::Null);
    changed("no headers".to_owned(), &|event| event["headers"] = json!({}));
    changed("a path of 100 kB".to_owned(), &|event| {
        event["rawPath"] = json!(format!("/{}", "a/".repeat(50_000)))
    });
    changed("a query of 100 kB".to_owned(), &|event| {
        event["rawQueryString"] = json!("a=1&".repeat(25_000))
    });
    events
}

#[tokio::test]
async fn no_event_makes_a_function_panic() {
    let lab = Lab::open(programs()).await.unwrap();
    let headers = [
        ("content-type", "application/json"),
        ("authorization", "Bearer a.b.c"),
    ];
    let routes: [(&'static str, Value); 6] = [
        ("sms-webhook", lab.message(&sid("SM"), "Hello")),
        (
            "voice-webhook",
            lab.fixture.webhook_event(
                "/api/webhooks/signalwire/voice",
                "",
                &[("CallSid", "CA9"), ("From", CUSTOMER), ("To", NUMBER)],
            ),
        ),
        ("status-callback", lab.report("SM1", "delivered")),
        ("webhook-fallback", lab.message_at_fallback("SM2", "Hello")),
        (
            "outbound-send",
            http_event("POST", "/api/communications", "", &headers, b"{}"),
        ),
        (
            "clerk-webhook",
            http_event("POST", "/api/webhooks/clerk", "", &headers, b"{}"),
        ),
    ];
    for (name, friendly) in routes {
        let mut siege = Siege::lay(&lab, name).await;
        let usual = siege.attack(friendly.clone(), "as it is").await.status;
        for (what, event) in hostile_events(&friendly) {
            siege.attack(event, &what).await;
        }
        // no gateway sends these; the runtime reports them as an error, and the process goes on
        let payloads: [&[u8]; 6] = [
            b"",
            b"{",
            b"null",
            b"[1]",
            b"\xff\xfe",
            br#"{"version":"2.0","headers":{"a":1}}"#,
        ];
        for payload in payloads {
            let _ = siege.function.invoke_bytes(payload.to_vec()).await;
        }
        let _ = siege
            .function
            .invoke_bytes("[".repeat(200_000).into_bytes())
            .await;
        assert_eq!(
            siege.attack(friendly, "as it is, again").await.status,
            usual,
            "{name}"
        );
        siege.lift(200);
    }
}

/// Who can be forged into a request changes nothing about its signature: the URL comes from `APP_URL`.
#[tokio::test]
async fn a_forged_host_opens_nothing() {
    let lab = Lab::open(programs()).await.unwrap();
    let mut siege = Siege::lay(&lab, "sms-webhook").await;
    let mut event = siege.signed(SMS, "", &vec![(b"MessageSid".to_vec(), b"SM1".to_vec())]);
    // signed for another host than ours
    event["headers"]["x-signalwire-signature"] = json!(attacks::sign::of_form(
        &lab.fixture.simulator.config().signing_key,
        &format!("https://evil.example{SMS}"),
        &[(b"MessageSid".to_vec(), b"SM1".to_vec())],
    ));
    for header in ["host", "x-forwarded-host", "x-original-host", "forwarded"] {
        event["headers"][header] = json!("evil.example");
    }
    event["headers"]["x-forwarded-proto"] = json!("https");
    event["requestContext"]["domainName"] = json!("evil.example");
    assert_eq!(siege.attack(event, "a forged host").await.status, 403);
}
