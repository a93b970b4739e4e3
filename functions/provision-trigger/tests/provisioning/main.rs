//! Orders for numbers, against real Postgres and the simulated carrier.
#![allow(clippy::unwrap_used, reason = "a test may stop where it is")]

mod buying;
mod events;
mod faults;
mod plans;
mod repeats;
mod searching;
mod support;
