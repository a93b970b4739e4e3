//! The second path for what comes in.
//!
//! Trigger: `POST /api/webhooks/signalwire/fallback/sms` and `…/fallback/voice`, which the carrier calls once when the first path did
//! not answer. Effect: the verified request goes to the spool; Postgres is never touched. Answer: cXML that does no harm, or
//! voicemail; 403 unsigned, 413 too long, 503 when the spool did not take it.

mod handler;

pub use handler::App;
