//! What the product's own pages ask.

use serde_json::{Value, json};

use crate::catalogue::{Event, WORKSPACE, http};
use crate::outbound::token;

fn get(path: &str, query: &str, token: Option<&str>) -> Value {
    let authorization = token.map(|token| format!("Bearer {token}"));
    let mut headers = vec![
        ("accept", "application/json"),
        ("user-agent", "ringspace-example"),
    ];
    headers.extend(authorization.as_deref().map(|value| ("authorization", value)));
    let mut event = http(path, query, &headers, b"");
    event["requestContext"]["http"]["method"] = json!("GET");
    event
}

fn status(code: u16) -> Value {
    json!({ "statusCode": code })
}

/// For `workspace-api`.
pub fn requests() -> Vec<Event> {
    let token = token();
    let own = format!("/api/workspaces/{WORKSPACE}");
    let numbers = format!("{own}/phone-numbers");
    let threads = format!("{own}/conversations");
    let another = "/api/workspaces/00000000-0000-4000-8000-000000000000/phone-numbers";
    vec![
        Event::new("phone-numbers", get(&numbers, "", Some(&token)), status(200)),
        Event::new(
            "conversations",
            get(&threads, "unread=false&limit=5", Some(&token)),
            status(200),
        ),
        Event::new("openapi", get("/api/openapi.json", "", None), status(200)),
        Event::new("no-token", get(&numbers, "", None), status(401)),
        Event::new("another-workspace", get(another, "", Some(&token)), status(404)),
        Event::new(
            "unknown-parameter",
            get(&threads, "colour=red", Some(&token)),
            status(400),
        ),
        Event::new(
            "forged-cursor",
            get(&threads, "cursor=AAAA", Some(&token)),
            status(400),
        ),
    ]
}
