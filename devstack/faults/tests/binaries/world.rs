//! What `cargo dev` offers to functions that run outside of it: Postgres, carrier, queues, keys, a Pro workspace with its numbers.

use crate::programs;
use devstack::fixture::{APP_URL, migrate};
use devstack::stack::{Options, Stack};
use devstack::story;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use testkit::postgres::TestDatabase;
use testkit::runtime_api::Function;

/// The number that the events write to.
const NUMBER: &str = "+14055551234";

/// Who issued the tokens of the events; the keys are the same everywhere.
const ISSUER: &str = "http://127.0.0.1:8790";

pub struct World {
    pub stack: Stack,
    _database: TestDatabase,
}

impl World {
    pub async fn open() -> Self {
        let database = TestDatabase::create(migrate).await;
        let stack = Stack::start(Options::on(&database)).await.unwrap();
        let workspace = story::prepare(&stack).await.unwrap();
        stack.lend_number(workspace.id, NUMBER).await.unwrap();
        Self {
            stack,
            _database: database,
        }
    }

    /// A function with the world's settings, ready for its first event.
    pub async fn start(&self, function: &str) -> Function {
        self.start_with(function, &[]).await
    }

    /// The same with other settings beside them.
    pub async fn start_with(&self, function: &str, changes: &[(&str, &str)]) -> Function {
        let environment = self.stack.environment().iter().map(|(name, value)| {
            let value = match name.as_str() {
                "APP_URL" => APP_URL,
                "AUTH_ISSUER" => ISSUER,
                _ => value,
            };
            (name.clone(), value.to_owned())
        });
        // Clerk's signatures are good for five minutes: no file can hold one.
        let signatures = if function == "clerk-webhook" {
            "off"
        } else {
            "required"
        };
        let signatures = ("WEBHOOK_SIGNATURES".to_owned(), signatures.to_owned());
        let changes = changes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let environment = environment.chain([signatures]).chain(changes);
        let started = Function::spawn(programs().path(function), environment).unwrap();
        started.ready().await.unwrap();
        started
    }

    /// How many rows a table or condition has.
    pub async fn count(&self, from: &str) -> i64 {
        let sql = self.stack.inspect().await.unwrap();
        let row = sql.query_one(&format!("select count(*) from {from}"), &[]).await;
        row.unwrap().get(0)
    }
}

/// `events/`.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events")
}

/// A file of `events/`: `sms-webhook/inbound-sms.json`.
pub fn event(name: &str) -> Value {
    let text = fs::read_to_string(directory().join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The log of a function, line by line; each has to be one JSON object.
pub fn log_of(function: &Function) -> Vec<Value> {
    let text = function.logs();
    let lines = text.lines().map(|line| match serde_json::from_str(line) {
        Ok(Value::Object(line)) => Value::Object(line),
        _ => panic!("no structured line: {line}"),
    });
    lines.collect()
}

/// The lines with this message, to the letter.
pub fn lines_saying<'a>(log: &'a [Value], message: &str) -> Vec<&'a Value> {
    log.iter().filter(|line| line["message"] == message).collect()
}
