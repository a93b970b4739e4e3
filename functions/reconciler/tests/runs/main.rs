//! Runs against real Postgres and the simulated carrier.
#![allow(clippy::unwrap_used, reason = "a test may stop where it is")]

mod bounds;
mod desk;
mod messages;
mod numbers;
mod plan;
