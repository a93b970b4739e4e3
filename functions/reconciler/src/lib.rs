//! Retries, sweeps, repairs, releases: what no webhook and no queue brings about.
//!
//! Trigger: EventBridge schedules; a rule that ends in `-five-minutes` runs what is due soon, one that ends in `-nightly` also
//! compares all numbers; any other payload runs everything. Effect: orders and releases whose time has come are worked on;
//! messages and calls without an end are asked about; inbound messages that no webhook brought are stored; prices and segments
//! are filled in; numbers that differ between the carrier and us are adopted, given back, marked or repaired; texts and
//! recordings that a workspace keeps no longer are forgotten; events are delivered to the bus and to the endpoints of the
//! workspaces (a rule that ends in `-minute` does that alone). Each run is
//! bounded in time, goes on where the last one stopped, is safe beside another one, and leaves a row in `reconciler_runs`.
//! Answer: that row's report. [`App::plan`] says what a run would do, and does nothing.

mod calls;
mod campaign;
mod handler;
mod held;
mod messages;
mod numbers;
mod outbox;
mod plan;
mod retention;
mod run;

pub use handler::App;
pub use plan::Plan;
