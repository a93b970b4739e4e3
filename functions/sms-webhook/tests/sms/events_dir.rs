//! The events of `events/`, and what is expected of each.

use common::http::request_from_event;
use lambda_http::{Body, Request, Response};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// One event of a function.
pub struct Event {
    pub name: String,
    event: Value,
    expected: Value,
}

impl Event {
    pub fn request(&self) -> Request {
        request_from_event(self.event.clone()).expect("it is an API Gateway event")
    }

    /// Whether the answer is the expected one; here, as opposed to `cargo xtask lambda-events`, only what our handlers give.
    pub fn judge(&self, answer: &Response<Body>) {
        let body = match answer.body() {
            Body::Text(text) => text.as_str(),
            _ => "",
        };
        let expected = self.expected.as_object().expect("an expectation is an object");
        assert_eq!(
            Some(u64::from(answer.status().as_u16())),
            expected["statusCode"].as_u64(),
            "{}",
            self.name
        );
        for (key, value) in expected {
            match key.as_str() {
                "statusCode" => {}
                "body" => assert_eq!(value, body, "{}", self.name),
                other => panic!("{}: this test knows nothing of {other}", self.name),
            }
        }
    }
}

/// All events of a function, in the order of their names.
pub fn of(function: &str) -> Vec<Event> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let json = |path: &Path| -> Value {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let expectations = json(&root.join("expected.json"));
    let mut files: Vec<_> = fs::read_dir(root.join(function))
        .expect("the function has events")
        .map(|entry| entry.expect("it can be read").path())
        .collect();
    files.sort();
    let events: Vec<Event> = files
        .iter()
        .map(|file| {
            let name = format!(
                "{function}/{}",
                file.file_name().unwrap_or_default().to_string_lossy()
            );
            Event {
                event: json(file),
                expected: expectations[&name].clone(),
                name,
            }
        })
        .collect();
    assert!(events.len() >= 2, "at least two events per function");
    events
}
