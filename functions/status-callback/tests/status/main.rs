//! Status callbacks against real Postgres, each sent twice where it matters: the second changes nothing.

mod blocked;
mod calls;
mod campaigns;
mod events;
#[path = "../../../sms-webhook/tests/sms/events_dir.rs"]
mod events_dir;
mod finding;
mod messages;
mod refusals;
mod samples;
mod support;
