//! Events out: to the bus, and to the endpoints of the workspaces.
//!
//! An endpoint is leased to one run and gets its events one after the other, so that they keep their order; many endpoints are
//! served side by side, each for a short turn, so that a slow one keeps nobody else waiting. Whoever breaks off leaves the rest to
//! the next run: every event is delivered at least once.

mod bus;
mod sender;

pub use sender::Sender;

use crate::handler::Parts;
use crate::run::Run;
use common::store::{self, DueEndpoint, Next};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use uuid::Uuid;

/// How long the outbox of one run begins new work. A schedule of a minute comes again after that.
const OUTBOX_MAX: Duration = Duration::from_secs(40);

/// How many endpoints are served at once.
const ENDPOINTS_AT_ONCE: usize = 32;

/// How long one endpoint is served before it has to wait for its next turn.
const TURN_MAX: Duration = Duration::from_secs(10);

/// Longer than a turn and the last request in it.
const LEASE_SECONDS: i32 = 60;

/// How many events are read at once.
const BATCH: i32 = 20;

/// What one part of the outbox did.
#[derive(Default)]
struct Tally {
    counts: Vec<(&'static str, usize)>,
    problem: Option<store::Error>,
}

/// Delivers what is due.
pub async fn deliver(parts: &Arc<Parts>, run: &mut Run) {
    let until = (Instant::now() + OUTBOX_MAX).min(run.part_ends());
    let (bus, endpoints) = tokio::join!(bus::deliver(parts, until), to_endpoints(parts, until));
    for (what, count) in bus.counts.into_iter().chain(endpoints.counts) {
        run.count(what, count);
    }
    for problem in bus.problems {
        run.problem("bus", &problem);
    }
    for problem in [bus.store_problem, endpoints.problem].into_iter().flatten() {
        run.store_problem("events", &problem);
    }
}

async fn to_endpoints(parts: &Arc<Parts>, until: Instant) -> Tally {
    let lease = Uuid::now_v7();
    let mut turns = JoinSet::new();
    let mut all = Tally::default();
    loop {
        let room = ENDPOINTS_AT_ONCE - turns.len();
        if Instant::now() < until && all.problem.is_none() && room > 0 {
            let room = i32::try_from(room).unwrap_or(i32::MAX);
            match parts.store().claim_endpoints(lease, room, LEASE_SECONDS).await {
                Ok(claimed) => {
                    for endpoint in claimed {
                        turns.spawn(turn(parts.clone(), endpoint, lease));
                    }
                }
                Err(error) => all.problem = Some(error),
            }
        }
        match turns.join_next().await {
            None => return all,
            Some(Ok(done)) => {
                all.counts.extend(done.counts);
                all.problem = all.problem.or(done.problem);
            }
            Some(Err(error)) => tracing::error!(%error, "A delivery broke off"),
        }
    }
}

/// One endpoint's turn.
async fn turn(parts: Arc<Parts>, endpoint: DueEndpoint, lease: Uuid) -> Tally {
    let ends = Instant::now() + TURN_MAX;
    let mut tally = Tally::default();
    if let Err(error) = serve(&parts, &endpoint, lease, ends, &mut tally).await {
        tally.problem = Some(error);
    }
    if let Err(error) = parts.store().release_endpoint(&endpoint, lease).await {
        tally.problem = Some(error);
    }
    tally
}

async fn serve(
    parts: &Parts,
    endpoint: &DueEndpoint,
    lease: Uuid,
    ends: Instant,
    tally: &mut Tally,
) -> Result<(), store::Error> {
    loop {
        let due = parts.store().due_deliveries(endpoint, lease, BATCH).await?;
        if due.is_empty() {
            return Ok(());
        }
        for (event, document) in due {
            if Instant::now() >= ends {
                return Ok(());
            }
            let attempt = parts.sender.send(endpoint, event, &document).await;
            let next = parts.store().record_attempt(endpoint, event, &attempt).await?;
            tally.counts.push(match next {
                Next::Delivered => ("events_delivered", 1),
                Next::Passed | Next::Stopped | Next::Disabled => ("event_attempts_failed", 1),
            });
            if next != Next::Delivered {
                tracing::info!(
                    endpoint.id = %endpoint.id, workspace.id = %endpoint.workspace_id, event.id = %event,
                    status = attempt.status, error = attempt.error, ?next, "Event not delivered"
                );
            }
            if matches!(next, Next::Stopped | Next::Disabled) {
                return Ok(());
            }
        }
    }
}
