//! What an invocation did, as one line: its correlation id, how long it took, and what it counted.
//!
//! The line is CloudWatch's embedded metric format, so what is counted becomes a metric without a request to anybody. Metrics have
//! one dimension, the stack: whatever would make more of them (a workspace, a number, a route) is a field of the line instead.
//!
//! The correlation id is the id of what the invocation is about: the row of a message or call (which also stands in our callback
//! URLs and in the spool), the event on the provisioning queue (which also stands on the order), the row of a number whose way into
//! the campaign is followed (it stands in that callback's URL), or the reconciler's run, with the rows that it filled in beside it.

use serde_json::{Map, Value, json};
use std::fmt::Display;
use std::future::Future;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Where CloudWatch shows them.
pub const NAMESPACE: &str = "Ringspace";

/// The functions, whose names end the names of what is deployed.
pub const FUNCTIONS: [&str; 11] = [
    "sms-webhook",
    "voice-webhook",
    "status-callback",
    "provision-trigger",
    "outbound-send",
    "clerk-webhook",
    "webhook-fallback",
    "spool-replay",
    "reconciler",
    "workspace-api",
    "migrator",
];

macro_rules! metrics {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// What is counted. The name on the wire is the variant's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Metric {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Metric {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name in CloudWatch.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }
        }
    };
}

metrics! {
    /// Messages that customers wrote, each once.
    InboundMessages,
    /// Calls that customers made, each once.
    InboundCalls,
    /// Of both, those for which no workspace was found.
    Unrouted,
    /// Requests whose signature is missing or wrong, or whose account is not ours.
    SignatureRefused,
    /// Webhooks that neither Postgres nor the spool took: the carrier was told to use the fallback URL.
    WebhooksNotStored,
    /// Webhooks that wait in the spool.
    Spooled,
    /// Webhooks that were stored from the spool.
    SpoolReplayed,
    /// Queue records that no retry cures, kept in `parked_events`.
    EventsParked,
    /// Messages and calls that the carrier accepted from us.
    MessagesSent,
    /// Messages and calls that it refused, or whose outcome is not known.
    SendsFailed,
    /// Reports of a delivery.
    MessagesDelivered,
    /// Reports of a message that was not delivered.
    MessagesUndelivered,
    /// Orders that got their number.
    NumbersProvisioned,
    /// Tries of an order that did not.
    ProvisioningFailures,
    /// Answers of the carrier that refuse our credentials.
    CarrierCredentialsRefused,
    /// Answers of the carrier that say that the balance is used up.
    CarrierBalanceExhausted,
    /// Requests to the carrier without a usable answer: timeouts, broken connections, 5xx.
    CarrierUnavailable,
    /// At this moment: orders that wait for a person.
    OrdersNeedingAttention,
    /// At this moment: active numbers.
    NumbersActive,
    /// At this moment: what all numbers that are not released cost in a month, in US dollars.
    NumbersMonthlyCost,
    /// At this moment: active workspaces.
    WorkspacesActive,
    /// At this moment: workspaces whose plan has a number.
    WorkspacesPaying,
    /// At this moment: those of them that have an active number.
    WorkspacesProvisioned,
    /// In the last day: messages that went out after the customer's STOP. There must be none.
    SentAfterStop,
    /// Status reports of the last day, older than an hour, on messages that nobody knows.
    ReportsParked,
    /// At the last comparison: numbers that the carrier has and we do not know, or the other way round.
    NumbersDiffering,
}

impl Metric {
    /// A state rather than a count: the last value of an invocation stands.
    fn is_gauge(self) -> bool {
        matches!(
            self,
            Self::OrdersNeedingAttention
                | Self::NumbersActive
                | Self::NumbersMonthlyCost
                | Self::WorkspacesActive
                | Self::WorkspacesPaying
                | Self::WorkspacesProvisioned
                | Self::SentAfterStop
                | Self::ReportsParked
                | Self::NumbersDiffering
        )
    }

    fn unit(self) -> &'static str {
        if self == Self::NumbersMonthlyCost {
            "None"
        } else {
            "Count"
        }
    }
}

/// A batch has no more records.
const CORRELATIONS_MAX: usize = 10;

#[derive(Default)]
struct Notes {
    correlations: Vec<String>,
    values: Vec<(Metric, f64)>,
    status: Option<u16>,
}

tokio::task_local! {
    static NOTES: Mutex<Notes>;
}

/// Does nothing outside of an invocation: tests and tools count nothing.
fn with_notes(change: impl FnOnce(&mut Notes)) {
    let _ = NOTES.try_with(|notes| change(&mut notes.lock().unwrap_or_else(PoisonError::into_inner)));
}

/// Counts one.
pub fn count(metric: Metric) {
    record(metric, 1.0);
}

/// Records a value: a count is added up, a state replaces the one before.
pub fn record(metric: Metric, value: f64) {
    with_notes(
        |notes| match notes.values.iter_mut().find(|(known, _)| *known == metric) {
            Some((_, sum)) if metric.is_gauge() => *sum = value,
            Some((_, sum)) => *sum += value,
            None => notes.values.push((metric, value)),
        },
    );
}

/// Says what the invocation is about. A batch is about several things.
pub fn correlate(id: &dyn Display) {
    with_notes(|notes| {
        let id: String = id.to_string().chars().take(128).collect();
        if notes.correlations.len() < CORRELATIONS_MAX && !notes.correlations.contains(&id) {
            notes.correlations.push(id);
        }
    });
}

/// Says it anew: what came before was a guess.
pub fn correlate_only(id: &dyn Display) {
    with_notes(|notes| notes.correlations.clear());
    correlate(id);
}

/// Notes the answer's HTTP status.
pub fn answered(status: u16) {
    with_notes(|notes| notes.status = Some(status));
}

/// Runs one invocation, then writes its line.
pub async fn invocation<F: Future>(request_id: &str, work: F) -> F::Output {
    let (output, mut line) = told(request_id, work).await;
    line.push('\n');
    // one write, so that lines of the log never mix; a log that is gone stops nothing
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
    output
}

/// Runs one invocation; gives its line beside what came of it.
pub async fn told<F: Future>(request_id: &str, work: F) -> (F::Output, String) {
    let started = Instant::now();
    let request_id = request_id.to_owned();
    NOTES
        .scope(Mutex::default(), async move {
            // boxed: the compiler gives up on the layout of futures that are nested too deeply
            let output = Box::pin(work).await;
            let function = std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
            let milliseconds = started.elapsed().as_secs_f64() * 1000.0;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let mut told = String::new();
            with_notes(|notes| told = line(notes, &function, &request_id, milliseconds, now.as_millis()));
            (output, told)
        })
        .await
}

/// `ringspace-prod-sms-webhook` is `sms-webhook` of the stack `ringspace-prod`.
fn stack_and_function(deployed: &str) -> (&str, &str) {
    FUNCTIONS
        .iter()
        .find_map(|function| Some((deployed.strip_suffix(function)?.strip_suffix('-')?, *function)))
        .unwrap_or(if deployed.is_empty() {
            ("local", "local")
        } else {
            (deployed, deployed)
        })
}

fn line(notes: &Notes, deployed: &str, request_id: &str, milliseconds: f64, now_ms: u128) -> String {
    let (stack, function) = stack_and_function(deployed);
    let mut line = Map::new();
    line.insert("level".into(), "INFO".into());
    line.insert("message".into(), "Invocation".into());
    line.insert("Stack".into(), stack.into());
    line.insert("function".into(), function.into());
    line.insert("request_id".into(), request_id.into());
    line.insert("correlation_id".into(), notes.correlations.join(",").into());
    line.insert(
        "duration_ms".into(),
        ((milliseconds * 1000.0).round() / 1000.0).into(),
    );
    if let Some(status) = notes.status {
        line.insert("status".into(), status.into());
    }
    if !notes.values.is_empty() {
        let names: Vec<Value> = notes
            .values
            .iter()
            .map(|(metric, _)| json!({ "Name": metric.name(), "Unit": metric.unit() }))
            .collect();
        for (metric, value) in &notes.values {
            line.insert(metric.name().into(), json!(value));
        }
        let metrics = json!([{ "Namespace": NAMESPACE, "Dimensions": [["Stack"]], "Metrics": names }]);
        let now = u64::try_from(now_ms).unwrap_or(0);
        line.insert(
            "_aws".into(),
            json!({ "Timestamp": now, "CloudWatchMetrics": metrics }),
        );
    }
    Value::Object(line).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn notes_of(work: impl Future<Output = ()>) -> Notes {
        NOTES
            .scope(Mutex::default(), async {
                work.await;
                let mut taken = Notes::default();
                with_notes(|notes| taken = std::mem::take(notes));
                taken
            })
            .await
    }

    #[tokio::test]
    async fn counts_add_up_and_states_replace() {
        let notes = notes_of(async {
            count(Metric::InboundMessages);
            count(Metric::InboundMessages);
            record(Metric::NumbersActive, 3.0);
            record(Metric::NumbersActive, 4.0);
            correlate(&"guess");
            correlate_only(&"a");
            correlate(&"a");
            correlate(&"b");
            answered(200);
        })
        .await;
        let line: Value =
            serde_json::from_str(&line(&notes, "ringspace-prod-sms-webhook", "r-1", 1.23456, 17)).unwrap();
        assert_eq!(
            line,
            json!({
                "level": "INFO", "message": "Invocation", "Stack": "ringspace-prod", "function": "sms-webhook",
                "request_id": "r-1", "correlation_id": "a,b", "duration_ms": 1.235, "status": 200,
                "InboundMessages": 2.0, "NumbersActive": 4.0,
                "_aws": { "Timestamp": 17, "CloudWatchMetrics": [{
                    "Namespace": "Ringspace", "Dimensions": [["Stack"]],
                    "Metrics": [{ "Name": "InboundMessages", "Unit": "Count" }, { "Name": "NumbersActive", "Unit": "Count" }] }] },
            })
        );
    }

    #[tokio::test]
    async fn nothing_counted_is_no_metric_and_nothing_outside_is_counted() {
        count(Metric::Spooled);
        let notes = notes_of(async {}).await;
        let line: Value = serde_json::from_str(&line(&notes, "", "r", 0.0, 0)).unwrap();
        assert_eq!((&line["_aws"], &line["Stack"]), (&Value::Null, &"local".into()));
    }

    #[test]
    fn stacks() {
        for (deployed, expected) in [
            ("ringspace-prod-sms-webhook", ("ringspace-prod", "sms-webhook")),
            ("x-webhook-fallback", ("x", "webhook-fallback")),
            ("sms-webhook", ("sms-webhook", "sms-webhook")),
            ("other", ("other", "other")),
            ("", ("local", "local")),
        ] {
            assert_eq!(stack_and_function(deployed), expected);
        }
    }
}
