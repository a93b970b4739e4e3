//! What an event has to give, and whether it did.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

/// The content of `events/expected.json`, by event.
#[derive(Debug)]
pub struct Expectations(BTreeMap<String, Value>);

impl Expectations {
    /// Reads the file.
    pub fn read(file: &Path) -> Result<Self, String> {
        let text =
            fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        Self::parse(&text).map_err(|error| format!("{}: {error}", file.display()))
    }

    fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text).map(Self)
    }

    /// Names the first difference between what is expected of an event and its answer.
    pub fn judge(&self, event: &str, answer: &Value) -> Result<(), String> {
        let expected = self.0.get(event).ok_or_else(|| {
            format!(
                "nothing is expected of it in events/expected.json; it gave {}",
                summary(answer)
            )
        })?;
        match difference("", expected, answer) {
            None => Ok(()),
            Some(difference) => Err(difference),
        }
    }

    /// Expectations for which there is no event: a file was renamed or lost.
    pub fn without_event<'a>(&self, events: impl Iterator<Item = &'a str>) -> Vec<String> {
        let events: BTreeSet<&str> = events.collect();
        self.0
            .keys()
            .filter(|name| !events.contains(name.as_str()))
            .cloned()
            .collect()
    }
}

/// Objects may hold more than is expected; everything else has to be equal.
fn difference(path: &str, expected: &Value, actual: &Value) -> Option<String> {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => expected.iter().find_map(|(key, expected)| {
            let path = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            match actual.get(key) {
                Some(actual) => difference(&path, expected, actual),
                None => Some(format!("{path} is missing, expected {expected}")),
            }
        }),
        _ if expected == actual => None,
        _ => {
            let path = if path.is_empty() { "the answer" } else { path };
            Some(format!("{path} is {}, expected {expected}", shortened(actual)))
        }
    }
}

/// An answer in a few words: the status of an HTTP answer, else the payload.
pub fn summary(answer: &Value) -> String {
    match answer.get("statusCode") {
        Some(status) => status.to_string(),
        None => shortened(answer),
    }
}

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(expected: Value, answer: Value, outcome: Result<(), &str>) {
        let expectations = Expectations::parse(&json!({ "f/e.json": expected }).to_string()).unwrap();
        assert_eq!(
            expectations.judge("f/e.json", &answer),
            outcome.map_err(str::to_owned)
        );
    }

    #[test]
    fn an_answer_may_hold_more_than_is_expected() {
        check(
            json!({ "statusCode": 200 }),
            json!({ "statusCode": 200, "body": "<Response/>" }),
            Ok(()),
        );
        check(
            json!({ "headers": { "a": "b" } }),
            json!({ "headers": { "a": "b", "c": "d" } }),
            Ok(()),
        );
        check(json!({}), json!({ "applied": [1, 2] }), Ok(()));
        check(
            json!({ "batchItemFailures": [] }),
            json!({ "batchItemFailures": [] }),
            Ok(()),
        );
    }

    #[test]
    fn the_first_difference_is_named() {
        check(
            json!({ "statusCode": 200 }),
            json!({ "statusCode": 403 }),
            Err("statusCode is 403, expected 200"),
        );
        check(
            json!({ "headers": { "a": "b" } }),
            json!({ "headers": {} }),
            Err("headers.a is missing, expected \"b\""),
        );
        check(
            json!({ "batchItemFailures": [] }),
            json!({ "batchItemFailures": [{ "itemIdentifier": "1" }] }),
            Err("batchItemFailures is [{\"itemIdentifier\":\"1\"}], expected []"),
        );
        check(
            json!({ "statusCode": 200 }),
            json!(null),
            Err("the answer is null, expected {\"statusCode\":200}"),
        );
    }

    #[test]
    fn an_event_of_which_nothing_is_expected_fails() {
        let expectations = Expectations::parse("{}").unwrap();
        assert_eq!(
            expectations
                .judge("f/new.json", &json!({ "statusCode": 200 }))
                .unwrap_err(),
            "nothing is expected of it in events/expected.json; it gave 200"
        );
    }

    #[test]
    fn an_expectation_without_event_is_found() {
        let expectations = Expectations::parse(r#"{"f/a.json": {}, "f/gone.json": {}}"#).unwrap();
        assert_eq!(
            expectations.without_event(["f/a.json", "f/b.json"].into_iter()),
            ["f/gone.json"]
        );
    }

    #[test]
    fn a_summary_is_short() {
        assert_eq!(summary(&json!({ "statusCode": 201, "body": "…" })), "201");
        assert_eq!(
            summary(&json!({ "batchItemFailures": [] })),
            "{\"batchItemFailures\":[]}"
        );
        assert_eq!(summary(&json!("é".repeat(500))).chars().count(), 201);
    }
}
