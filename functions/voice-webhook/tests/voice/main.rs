//! Calls against real Postgres, each webhook sent twice where it matters: the second changes nothing.

mod events;
#[path = "../../../sms-webhook/tests/sms/events_dir.rs"]
mod events_dir;
mod forwarding;
mod inbound;
mod outbound;
mod refusals;
mod support;
mod voicemail;
