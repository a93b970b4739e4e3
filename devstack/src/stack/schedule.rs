//! The schedules of the template: `reconciler`, run by the clock, by a test, or by `POST /_schedule/{rule}` on the queues' port.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use testkit::runtime_api::schedule_event;
use tokio::task::AbortHandle;

use super::error::Error;
use super::functions::Shared;

/// As the template's rate.
const PERIOD: Duration = Duration::from_secs(5 * 60);

/// So many periods make a day.
const PERIODS_A_DAY: u64 = 288;

/// What a run covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// Orders, releases, messages and calls.
    FiveMinutes,
    /// The same, and the carrier's numbers beside ours.
    Nightly,
}

impl Schedule {
    /// How the template's rule ends.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FiveMinutes => "five-minutes",
            Self::Nightly => "nightly",
        }
    }
}

/// Runs go on by the clock until this is dropped.
#[derive(Debug)]
pub struct Clockwork(AbortHandle);

impl Clockwork {
    pub(super) fn start(shared: Arc<Shared>) -> Self {
        let ticking = async move {
            for period in 1_u64.. {
                tokio::time::sleep(PERIOD).await;
                let schedule = if period % PERIODS_A_DAY == 0 {
                    Schedule::Nightly
                } else {
                    Schedule::FiveMinutes
                };
                // What went wrong is on the screen already; the next period comes anyway.
                let _ = run(&shared, schedule).await;
            }
        };
        Self(tokio::spawn(ticking).abort_handle())
    }
}

impl Drop for Clockwork {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// One run, to its end; gives its report.
pub(super) async fn run(shared: &Arc<Shared>, schedule: Schedule) -> Result<Value, Error> {
    let began = Instant::now();
    let functions = shared.functions();
    let event = schedule_event(&format!("local-{}", schedule.as_str()));
    // A task of its own, as every invocation: its panic is an error of the run's, not the stack's.
    let running = tokio::spawn(async move { functions.reconcile(&event).await });
    let report = match running.await {
        Ok(report) => report,
        Err(error) => Err(error.to_string()),
    };
    let (verdict, words) = match &report {
        Ok(report) => ("ok ", summary(report)),
        Err(reason) => ("ERR", reason.clone()),
    };
    shared.say(&format!(
        "{verdict}  {:>7.1} ms  {:<17}  schedule  {}: {words}",
        began.elapsed().as_secs_f64() * 1000.0,
        "reconciler",
        schedule.as_str(),
    ));
    report.map_err(Error::Run)
}

/// A report in one line.
fn summary(report: &Value) -> String {
    let counts = report["counts"].as_object().into_iter().flatten();
    let mut words: Vec<String> = counts.map(|(name, count)| format!("{name} {count}")).collect();
    let problems = report["problems"].as_array().into_iter().flatten();
    words.extend(
        problems
            .filter_map(Value::as_str)
            .map(|text| format!("PROBLEM {text}")),
    );
    if words.is_empty() {
        "nothing to do".to_owned()
    } else {
        words.join(", ")
    }
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/_schedule/{rule}", post(on_demand))
        .with_state(shared)
}

async fn on_demand(State(shared): State<Arc<Shared>>, Path(rule): Path<String>) -> Response {
    let schedules = [Schedule::FiveMinutes, Schedule::Nightly];
    let Some(schedule) = schedules.into_iter().find(|known| known.as_str() == rule) else {
        let names = schedules.map(Schedule::as_str).join(" and ");
        return answer(
            StatusCode::NOT_FOUND,
            json!({ "message": format!("there are {names}") }),
        );
    };
    match run(&shared, schedule).await {
        Ok(report) => answer(StatusCode::OK, report),
        Err(error) => answer(
            StatusCode::SERVICE_UNAVAILABLE,
            json!({ "message": error.to_string() }),
        ),
    }
}

fn answer(status: StatusCode, document: Value) -> Response {
    (status, Json(document)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_reads_as_a_line() {
        assert_eq!(summary(&json!({ "counts": {}, "problems": [] })), "nothing to do");
        let busy = json!({ "counts": { "orders_completed": 2 }, "problems": ["numbers: away"] });
        assert_eq!(summary(&busy), "orders_completed 2, PROBLEM numbers: away");
    }
}
