//! Every function, as it was built, against every hostile value in every field: no answer is a 5xx, no process ends or panics, and the
//! next friendly request is served.
#![allow(clippy::unwrap_used, reason = "a test may stop where it is")]

mod events;
mod json;
mod queues;
mod webhooks;

use attacks::sign::{self, Fields};
use devstack::fixture::APP_URL;
use faults::lab::{Answer, Lab, Way, ask};
use faults::programs::Programs;
use serde_json::Value;
use std::sync::OnceLock;
use testkit::runtime_api::{Function, http_event};

/// The functions that `cargo test --workspace` has built, else they are built now.
fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        Programs::find(false)
            .or_else(|_| Programs::build(false))
            .expect("the functions can be built")
    })
}

/// One function under attack.
struct Siege<'a> {
    lab: &'a Lab<'a>,
    function: Function,
    name: &'static str,
    asked: usize,
}

impl<'a> Siege<'a> {
    async fn lay(lab: &'a Lab<'a>, name: &'static str) -> Self {
        let function = lab.start(name, Way::Direct).await.unwrap();
        Self {
            lab,
            function,
            name,
            asked: 0,
        }
    }

    /// A webhook with these fields, signed.
    fn signed(&self, path: &str, query: &str, fields: &Fields) -> Value {
        let mark = if query.is_empty() { "" } else { "?" };
        let key = &self.lab.fixture.simulator.config().signing_key;
        let signature = sign::of_form(key, &format!("{APP_URL}{path}{mark}{query}"), fields);
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-signalwire-signature", signature.as_str()),
        ];
        http_event("POST", path, query, &headers, &sign::form(fields))
    }

    /// Sends an event; the answer is below 500, or this fails with what was tried.
    async fn attack(&mut self, event: Value, what: &str) -> Answer {
        self.asked += 1;
        let answer = ask(&self.function, event).await;
        assert!(
            (200..500).contains(&answer.status),
            "{}: {what}: {} {}\n{}",
            self.name,
            answer.status,
            answer.body,
            last(&self.function.logs())
        );
        answer
    }

    /// The end: the same process lives, and has not panicked.
    fn lift(self, at_least: usize) {
        assert!(
            self.asked >= at_least,
            "{}: only {} attacks",
            self.name,
            self.asked
        );
        let logs = self.function.logs();
        assert_eq!(
            self.function.exit_status(),
            None,
            "{}: {}",
            self.name,
            last(&logs)
        );
        for word in ["\"Panic\"", "panicked"] {
            assert!(!logs.contains(word), "{}: {}", self.name, last(&logs));
        }
    }
}

fn last(logs: &str) -> String {
    let lines: Vec<&str> = logs.lines().rev().take(6).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

/// Friendly fields, one of them replaced.
fn with(fields: &[(&str, &str)], field: &str, value: &[u8]) -> Fields {
    let mut changed: Fields = fields
        .iter()
        .filter(|(name, _)| *name != field)
        .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
        .collect();
    changed.push((field.as_bytes().to_vec(), value.to_vec()));
    changed
}
