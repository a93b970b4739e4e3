//! All events, what is expected of each, and how they look as files.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use testkit::runtime_api::{http_event, sqs_event};

use crate::{carrier, clerk, outbound, queue, reports, schedule, spool, workspace_api};

/// Where the functions are, as in `target/devstack/local.env`: what signatures cover.
pub const APP_URL: &str = "http://127.0.0.1:9000";

/// The project of the local stack.
pub const PROJECT: &str = "6d7f2f6e-1d2c-4c3b-9a55-0c1f8e7a9b10";

/// The number that the local stack lends to its Pro workspace.
pub const NUMBER: &str = "+14055551234";

/// The number that Starter workspaces share.
pub const PLATFORM_NUMBER: &str = "+14056940235";

/// The organization of the local stack's Pro workspace, and the workspace.
pub const ORGANIZATION: &str = "org_2story_acme_plumbing";
/// The UUIDv5 of [`ORGANIZATION`].
pub const WORKSPACE: &str = "3df7341e-ec1c-5b73-95c8-ee736b62c31d";

/// 2026-01-05T15:00:00Z: the moment of every event.
pub const SECOND: i64 = 1_767_625_200;

/// One event of a function, and a part of its answer.
pub struct Event {
    /// `inbound-sms`
    pub name: &'static str,
    /// What the function is handed.
    pub event: Value,
    /// What has to stand in the answer.
    pub expected: Value,
}

impl Event {
    /// An event.
    pub fn new(name: &'static str, event: Value, expected: Value) -> Self {
        Self {
            name,
            event,
            expected,
        }
    }
}

/// Every file below `events/`, by its path there.
pub fn files() -> BTreeMap<String, String> {
    let functions: [(&str, Vec<Event>); 11] = [
        ("sms-webhook", carrier::messages()),
        ("voice-webhook", carrier::calls()),
        ("status-callback", reports::reports()),
        ("provision-trigger", queue::records()),
        ("webhook-fallback", spool::webhooks()),
        ("spool-replay", spool::records()),
        ("reconciler", schedule::runs()),
        ("outbound-send", outbound::requests()),
        ("workspace-api", workspace_api::requests()),
        ("clerk-webhook", clerk::webhooks()),
        (
            "migrator",
            vec![
                Event::new("empty", json!({}), json!({ "applied": [] })),
                Event::new(
                    "deploy-hook",
                    json!({ "DeploymentId": "d-EXAMPLE01", "LifecycleEventHookExecutionId": "eyJlbmMiOiJhIn0" }),
                    json!({ "applied": [] }),
                ),
            ],
        ),
    ];
    let mut files = BTreeMap::new();
    let mut expected = Map::new();
    for (function, events) in functions {
        for event in events {
            let name = format!("{function}/{}.json", event.name);
            files.insert(name.clone(), text(&event.event));
            let twice = expected.insert(name, event.expected);
            assert!(twice.is_none(), "{function}/{} stands there twice", event.name);
        }
    }
    files.insert("expected.json".to_owned(), text(&Value::Object(expected)));
    files
}

fn text(value: &Value) -> String {
    format!("{value:#}\n")
}

/// An API Gateway event whose moment and id are fixed.
pub fn http(path: &str, query: &str, headers: &[(&str, &str)], body: &[u8]) -> Value {
    let mut event = http_event("POST", path, query, headers, body);
    let context = &mut event["requestContext"];
    context["requestId"] = json!("JKJaXmPLvHcESHA=");
    context["time"] = json!("05/Jan/2026:15:00:00 +0000");
    context["timeEpoch"] = json!(SECOND * 1000);
    event
}

/// An SQS batch whose moment is fixed.
pub fn sqs(messages: &[(&str, &Value)]) -> Value {
    let bodies: Vec<(&str, String)> = messages
        .iter()
        .map(|(id, body)| match body {
            Value::String(text) => (*id, text.clone()),
            body => (*id, body.to_string()),
        })
        .collect();
    let messages: Vec<(&str, &str)> = bodies.iter().map(|(id, body)| (*id, body.as_str())).collect();
    let mut event = sqs_event(&messages);
    let sent = (SECOND * 1000).to_string();
    for record in event["Records"].as_array_mut().into_iter().flatten() {
        record["attributes"]["SentTimestamp"] = json!(sent);
        record["attributes"]["ApproximateFirstReceiveTimestamp"] = json!(sent);
    }
    event
}
