//! Inbound messages against real Postgres, each sent twice where it matters: the second changes nothing.

mod consent;
mod database;
mod events;
mod events_dir;
mod machines;
mod refusals;
mod routing;
mod start;
mod storing;
mod support;
