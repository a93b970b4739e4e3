//! What Clerk sends. Its signatures hold for five minutes, so these are for `WEBHOOK_SIGNATURES=off`.

use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::catalogue::{Event, SECOND, http};

/// The secret of the local stack.
const SECRET: &str = "whsec_cmluZ3NwYWNlLWxvY2FsLWNsZXJrLXNlY3JldC0w";

fn webhook(id: &str, body: &str) -> Value {
    let signature = Webhook::new(SECRET)
        .and_then(|webhook| webhook.sign(id, SECOND, body.as_bytes()))
        .expect("the secret is whsec_ and base64");
    let timestamp = SECOND.to_string();
    let headers = [
        ("content-type", "application/json"),
        ("user-agent", "Svix-Webhooks/1.0"),
        ("svix-id", id),
        ("svix-timestamp", &timestamp),
        ("svix-signature", &signature),
    ];
    http("/api/webhooks/clerk", "", &headers, body.as_bytes())
}

fn event(id: &str, kind: &str, data: Value) -> Value {
    let body = json!({ "type": kind, "object": "event", "timestamp": SECOND * 1000, "data": data });
    webhook(id, &body.to_string())
}

fn queued(yes: bool) -> Value {
    json!({ "statusCode": 200, "body": json!({ "queued": yes }).to_string() })
}

/// For `clerk-webhook`.
pub fn webhooks() -> Vec<Event> {
    let organization = json!({
        "id": "org_2events_tea", "name": "Tea & Sons", "slug": "tea-and-sons", "object": "organization",
        "public_metadata": { "plan": "pro", "areaCode": "918" },
    });
    let item = json!({
        "id": "csitem_2events", "status": "active", "plan": { "slug": "enterprise", "name": "Enterprise" },
        "payer": { "organization_id": "org_2events_tea", "organization_name": "Tea & Sons", "organization_slug": "tea-and-sons" },
    });
    let user = json!({ "id": "user_2events_uma", "first_name": "Uma", "last_name": "Ito", "object": "user", "public_metadata": {} });
    vec![
        Event::new(
            "organization-created",
            event("msg_2events_1", "organization.created", organization),
            queued(true),
        ),
        Event::new(
            "subscription-item-active",
            event("msg_2events_2", "subscriptionItem.active", item),
            queued(true),
        ),
        Event::new(
            "user-created",
            event("msg_2events_3", "user.created", user),
            queued(true),
        ),
        Event::new(
            "organization-deleted",
            event(
                "msg_2events_4",
                "organization.deleted",
                json!({ "id": "org_2events_gone", "deleted": true, "object": "organization" }),
            ),
            queued(true),
        ),
        Event::new(
            "unknown-type",
            event(
                "msg_2events_5",
                "session.created",
                json!({ "id": "sess_2events" }),
            ),
            queued(false),
        ),
        Event::new(
            "organization-without-id",
            event(
                "msg_2events_6",
                "organization.created",
                json!({ "name": "Nobody" }),
            ),
            json!({ "statusCode": 400 }),
        ),
        Event::new(
            "malformed",
            webhook("msg_2events_7", "{\"type\":\"organization.created\","),
            json!({ "statusCode": 400 }),
        ),
    ]
}
