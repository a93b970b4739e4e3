//! What the product's own backend asks. The token is the local stack's, signed with the fixed development keys, good until 2100.

use serde_json::{Value, json};
use testkit::identity::{Claims, Issuer};

use crate::catalogue::{Event, ORGANIZATION, SECOND, WORKSPACE, http};

/// Where the local stack's issuer is.
const ISSUER: &str = "http://127.0.0.1:8790";
/// 2100-01-01T00:00:00Z
const EXPIRY: i64 = 4_102_444_800;
const TO: &str = "+14155550155";

/// A token of the local stack's Pro workspace.
pub fn token() -> String {
    let claims = Claims::of("user_2story_ada")
        .organization(ORGANIZATION, "admin", "acme-plumbing")
        .with("iss", json!(ISSUER))
        .with("iat", json!(SECOND))
        .with("nbf", json!(SECOND))
        .with("exp", json!(EXPIRY));
    // served on any port: only the keys matter, which are the same everywhere
    Issuer::start().expect("a loopback port is free").token(&claims)
}

fn request(token: Option<&str>, key: Option<&str>, body: &Value) -> Value {
    let authorization = token.map(|token| format!("Bearer {token}"));
    let mut headers = vec![
        ("content-type", "application/json"),
        ("user-agent", "ringspace-example"),
    ];
    headers.extend(authorization.as_deref().map(|value| ("authorization", value)));
    headers.extend(key.map(|key| ("idempotency-key", key)));
    http("/api/communications", "", &headers, body.to_string().as_bytes())
}

fn status(code: u16) -> Value {
    json!({ "statusCode": code })
}

/// For `outbound-send`.
pub fn requests() -> Vec<Event> {
    let token = token();
    let sms =
        json!({ "channel": "sms", "to": TO, "body": "Hello from Test Workspace!", "workspaceId": WORKSPACE });
    let with = |name: &str, value: Value| {
        let mut body = sms.clone();
        body[name] = value;
        body
    };
    let mms = with("mediaUrls", json!(["https://example.com/photo.jpg"]));
    let call =
        json!({ "channel": "call", "to": TO, "body": "Your table is ready.", "workspaceId": WORKSPACE });
    vec![
        Event::new("sms", request(Some(&token), None, &sms), status(201)),
        Event::new(
            "sms-once",
            request(Some(&token), Some("events-sms-once"), &sms),
            status(201),
        ),
        Event::new("mms", request(Some(&token), None, &mms), status(201)),
        Event::new("call", request(Some(&token), None, &call), status(201)),
        Event::new("no-token", request(None, None, &sms), status(401)),
        Event::new(
            "changed-token",
            request(Some(&format!("{token}x")), None, &sms),
            status(401),
        ),
        Event::new(
            "another-workspace",
            request(
                Some(&token),
                None,
                &with("workspaceId", json!("00000000-0000-4000-8000-000000000000")),
            ),
            status(404),
        ),
        Event::new(
            "malformed-number",
            request(Some(&token), None, &with("to", json!("555-1234"))),
            status(422),
        ),
        Event::new(
            "country-not-allowed",
            request(Some(&token), None, &with("to", json!("+442079460958"))),
            status(422),
        ),
        Event::new(
            "no-such-channel",
            request(Some(&token), None, &with("channel", json!("fax"))),
            status(400),
        ),
    ]
}
