//! `POST /api/communications` against real Postgres and the simulated carrier.

mod idempotency;
mod refusals;
mod sending;
mod support;
