//! The functions that read JSON: hostile members and documents from a caller who may ask.

use crate::{Siege, programs};
use attacks::hostile;
use devstack::fixture::CLERK_SECRET;
use faults::lab::{Lab, OWNER};
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use testkit::identity::Claims;
use testkit::runtime_api::http_event;

const SEND: &str = "/api/communications";
const CLERK: &str = "/api/webhooks/clerk";

/// A document with one member, at a path, replaced.
fn replaced(document: &Value, path: &[&str], value: &Value) -> Vec<u8> {
    let mut changed = document.clone();
    let mut at = &mut changed;
    for name in path {
        at = &mut at[*name];
    }
    *at = value.clone();
    changed.to_string().into_bytes()
}

#[tokio::test]
async fn sends_with_anything_in_any_field() {
    let lab = Lab::open(programs()).await.unwrap();
    let mut siege = Siege::lay(&lab, "outbound-send").await;
    let claims = Claims::of("user_1").organization(OWNER, "member", "acme");
    let bearer = format!("Bearer {}", lab.fixture.issuer.token(&claims));
    let event = |authorization: &str, key: &str, body: &[u8]| {
        let headers = [
            ("content-type", "application/json"),
            ("authorization", authorization),
            ("idempotency-key", key),
        ];
        http_event("POST", SEND, "", &headers, body)
    };
    let friendly =
        json!({ "channel": "sms", "to": "+14155551234", "body": "Hi", "workspaceId": lab.workspace });
    let fields = [
        "channel",
        "to",
        "body",
        "workspaceId",
        "mediaUrls",
        "from",
        "connect",
        "quietHours",
        "other",
        "\0",
    ];
    let mut number = 0;
    for field in fields {
        for (what, value) in hostile::members() {
            number += 1;
            let body = replaced(&friendly, &[field], &value);
            siege
                .attack(
                    event(&bearer, &format!("key-{number}"), &body),
                    &format!("{field}: {what}"),
                )
                .await;
            let value = json!([value]);
            let body = replaced(&friendly, &[field], &value);
            siege
                .attack(
                    event(&bearer, &format!("list-{number}"), &body),
                    &format!("[{field}]: {what}"),
                )
                .await;
        }
    }
    for (what, body) in hostile::documents() {
        let answer = siege.attack(event(&bearer, "document", &body), what).await;
        let expected = if body.len() > 64 * 1024 { 413 } else { 400 };
        assert_eq!(answer.status, expected, "{what}: {}", answer.body);
    }
    let body = friendly.to_string();
    for (what, value) in hostile::values() {
        let Ok(text) = String::from_utf8(value) else {
            continue;
        };
        // a header that HTTP cannot carry never gets to a function
        if lambda_http::http::HeaderValue::from_str(&text).is_err() {
            continue;
        }
        siege
            .attack(
                event(&text, "k", body.as_bytes()),
                &format!("authorization: {what}"),
            )
            .await;
        siege
            .attack(
                event(&format!("Bearer {text}"), "k", body.as_bytes()),
                &format!("bearer: {what}"),
            )
            .await;
        siege
            .attack(
                event(&format!("Bearer a.{text}.c"), "k", body.as_bytes()),
                &format!("token: {what}"),
            )
            .await;
        siege
            .attack(event(&bearer, &text, body.as_bytes()), &format!("key: {what}"))
            .await;
    }
    let answer = siege
        .attack(event(&bearer, "friendly", body.as_bytes()), "a friendly request")
        .await;
    assert!([201, 429].contains(&answer.status), "{}", answer.body);
    siege.lift(700);
}

#[tokio::test]
async fn clerk_events_with_anything_in_any_field() {
    let mut lab = Lab::open(programs()).await.unwrap();
    let queue = lab
        .aws
        .create_queue(&format!("hostile-{}", uuid::Uuid::new_v4().simple()))
        .await
        .unwrap();
    lab.fixture.set("PROVISIONING_QUEUE_URL", &queue);
    let mut siege = Siege::lay(&lab, "clerk-webhook").await;
    let signer = Webhook::new(CLERK_SECRET).unwrap();
    let event = |id: &str, body: &[u8]| {
        let now = jiff::Timestamp::now().as_second();
        // the signer takes text only; a body that is none has a bad signature
        let signature = signer
            .sign(id, now, String::from_utf8_lossy(body).as_bytes())
            .unwrap();
        let now = now.to_string();
        let headers = [
            ("content-type", "application/json"),
            ("svix-id", id),
            ("svix-timestamp", now.as_str()),
            ("svix-signature", signature.as_str()),
        ];
        http_event("POST", CLERK, "", &headers, body)
    };
    let friendly = json!({ "type": "organization.created", "timestamp": 1_700_000_000_000_i64, "data": {
        "id": "org_1", "name": "Acme", "slug": "acme", "public_metadata": { "plan": "pro", "areaCode": "405" } } });
    let paths: [&[&str]; 9] = [
        &["type"],
        &["timestamp"],
        &["data"],
        &["data", "id"],
        &["data", "name"],
        &["data", "slug"],
        &["data", "public_metadata"],
        &["data", "public_metadata", "plan"],
        &["data", "public_metadata", "areaCode"],
    ];
    let mut number = 0;
    for path in paths {
        for (what, value) in hostile::members() {
            number += 1;
            let body = replaced(&friendly, path, &value);
            siege
                .attack(
                    event(&format!("msg_{number}"), &body),
                    &format!("{}: {what}", path.join(".")),
                )
                .await;
        }
    }
    for (what, body) in hostile::documents() {
        let answer = siege.attack(event("msg_document", &body), what).await;
        if body.len() > 64 * 1024 {
            assert_eq!(answer.status, 413, "{what}");
        }
        let unsigned = http_event("POST", CLERK, "", &[("content-type", "application/json")], &body);
        let answer = siege.attack(unsigned, &format!("unsigned {what}")).await;
        assert_eq!(
            answer.status,
            if body.len() > 64 * 1024 { 413 } else { 401 },
            "{what}"
        );
    }
    let body = friendly.to_string();
    for (what, value) in hostile::values() {
        let Ok(text) = String::from_utf8(value) else {
            continue;
        };
        for name in ["svix-id", "svix-timestamp", "svix-signature"] {
            let mut hostile = event("msg_header", body.as_bytes());
            hostile["headers"][name] = json!(text);
            // a header that HTTP cannot carry never gets to a function
            if lambda_http::http::HeaderValue::from_str(&text).is_ok() {
                siege.attack(hostile, &format!("{name}: {what}")).await;
            }
        }
    }
    let answer = siege
        .attack(event("msg_friendly", body.as_bytes()), "a friendly request")
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    siege.lift(250);
}
