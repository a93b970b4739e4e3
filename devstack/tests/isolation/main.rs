//! One workspace never sees another: row-level security, the roles, and what happens when a query forgets to ask.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

mod connections;
mod forgetful;
mod migrating;
mod operators;
mod policies;
mod roles;
mod support;
