//! Ringspace on one machine: real Postgres, the real handlers, and a simulator in the carrier's place.
//!
//! - [`stack`]: all functions in one process behind a local gateway and a local queue. `cargo dev` runs it.
//! - [`story`]: the main job, played through the gateway.
//! - [`fixture`]: what a test of one function needs.
//! - [`local_env`]: the settings of a running stack, for `cargo lambda`.
//! - [`access`]: the logins that functions connect with. [`clerk`]: Clerk's webhooks, signed as Clerk does. [`http`]: a small client. [`table`]: rows for people.

pub mod access;
pub mod clerk;
pub mod fixture;
pub mod http;
pub mod local_env;
pub mod stack;
pub mod story;
pub mod table;
