//! What the schedule sends.

use serde_json::{Value, json};

use crate::catalogue::Event;

fn rule(name: &str) -> Value {
    json!({
        "version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event", "source": "aws.events",
        "account": "123456789012", "time": "2026-01-05T15:00:00Z", "region": "us-east-1",
        "resources": [format!("arn:aws:events:us-east-1:123456789012:rule/ringspace-{name}")], "detail": {},
    })
}

/// For `reconciler`.
pub fn runs() -> Vec<Event> {
    let complete = || json!({ "complete": true, "problems": [] });
    vec![
        Event::new("five-minutes", rule("five-minutes"), complete()),
        Event::new("nightly", rule("nightly"), complete()),
        // anything else means everything that is due
        Event::new("by-hand", json!({}), complete()),
    ]
}
