//! `POST /api/communications` against real Postgres and the simulated carrier.
#![allow(clippy::unwrap_used, reason = "a test may stop where it is")]

mod idempotency;
mod limits;
mod refusals;
mod sending;
mod stop;
mod support;
