//! What calls cost: the carrier prices a call, and each leg that it dialled, some time after its end, and tells no webhook.

use crate::handler::Parts;
use crate::run::Run;
use common::domain::status;
use common::signalwire::CallRecord;
use jiff::{Span, Timestamp};
use serde_json::{Value, json};

/// How many pages of a thousand calls one run compares.
const PAGES_MAX: usize = 20;

/// What is said of calls that no run has come to. A run begins with the newest, so that those of a busy day are priced all the same.
const UNFINISHED: &str = "the time or the pages are up; older calls were not compared";

/// Reads the carrier's calls of the last two days beside ours.
pub async fn compare(parts: &Parts, run: &mut Run) {
    let oldest = Timestamp::now() - Span::new().hours(48);
    let mut next = None;
    for _ in 0..PAGES_MAX {
        if !run.has_time() {
            return run.problem("calls", &UNFINISHED);
        }
        let page = match parts.provisioning.carrier.calls(next.as_deref()).await {
            Ok(page) => page,
            Err(error) => return run.carrier_problem("calls", &error),
        };
        run.count("calls_compared", page.items.len());
        let recent: Vec<&CallRecord> = page
            .items
            .iter()
            .filter(|call| call.created().is_none_or(|at| at >= oldest))
            .collect();
        let rows: Value = recent.iter().map(|call| row(call)).collect();
        match parts.store().reconcile_calls(&rows).await {
            Ok(0) => {}
            Ok(changed) => run.count("calls_filled_in", changed.unsigned_abs() as usize),
            Err(error) => return run.store_problem("calls", &error),
        }
        next = page.next;
        // the newest come first; whoever has none of the last days has seen them all
        if next.is_none() || recent.is_empty() {
            return;
        }
    }
    run.problem("calls", &UNFINISHED);
}

fn row(call: &CallRecord) -> Value {
    json!({
        "sid": call.sid,
        "parent_sid": call.parent_call_sid,
        "status": status::call(&call.status).unwrap_or("unknown"),
        "duration": call.duration(),
        "price": call.price(),
    })
}
