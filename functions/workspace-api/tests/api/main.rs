//! The workspace API against real Postgres and the simulated carrier.
#![allow(clippy::unwrap_used, reason = "a test may stop where it is")]

mod buying;
mod examples;
mod files;
mod growth;
mod missed_calls;
mod refusals;
mod resending;
mod support;
mod trips;
mod views;
