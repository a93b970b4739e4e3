//! Clerk's webhooks: the events that matter here, signed by Standard Webhooks.

use axum::body::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use uuid::Uuid;

/// A webhook as Clerk sends it; sent again, it is the same to the byte, and so is its id.
#[derive(Debug, Clone)]
pub struct ClerkWebhook {
    /// `svix-id`
    pub id: String,
    /// The event.
    pub body: String,
    timestamp: String,
    signature: String,
}

impl ClerkWebhook {
    /// Signs an event.
    ///
    /// # Panics
    /// When `secret` is not `whsec_` and base64.
    pub fn new(secret: &str, event: &Value) -> Self {
        let id = format!("msg_{}", Uuid::new_v4().simple());
        let body = event.to_string();
        let now = Timestamp::now().as_second();
        let signature = Webhook::new(secret)
            .and_then(|webhook| webhook.sign(&id, now, body.as_bytes()))
            .expect("the secret is whsec_ and base64");
        Self {
            id,
            body,
            timestamp: now.to_string(),
            signature,
        }
    }

    /// Its headers.
    pub fn headers(&self) -> [(&str, &str); 4] {
        [
            ("content-type", "application/json"),
            ("svix-id", &self.id),
            ("svix-timestamp", &self.timestamp),
            ("svix-signature", &self.signature),
        ]
    }

    /// Its body.
    pub fn bytes(&self) -> Bytes {
        Bytes::from(self.body.clone())
    }
}

/// `organization.created`, with the plan and the area code in the public metadata.
pub fn organization_created(id: &str, name: &str, slug: &str, plan: &str, area_code: &str) -> Value {
    json!({
        "type": "organization.created",
        "object": "event",
        "timestamp": Timestamp::now().as_millisecond(),
        "data": {
            "id": id,
            "name": name,
            "slug": slug,
            "object": "organization",
            "public_metadata": { "plan": plan, "areaCode": area_code },
        },
    })
}

/// `user.created`
pub fn user_created(id: &str, first_name: &str, last_name: &str) -> Value {
    json!({
        "type": "user.created",
        "object": "event",
        "timestamp": Timestamp::now().as_millisecond(),
        "data": { "id": id, "first_name": first_name, "last_name": last_name, "object": "user", "public_metadata": {} },
    })
}
