//! Sends SMS, MMS, WhatsApp messages and calls.
//!
//! Trigger: `POST /api/communications` with a bearer token or an API key, optionally an `Idempotency-Key`. Effect: a row in the conversation, then
//! one request to the carrier, then its answer on the row. Answer: 201 with the message; 202 when the carrier's answer was lost,
//! and a callback will settle it, or when the message is held until the customer's quiet hours end; otherwise a problem document with a stable `code` (spec O4).

mod answer;
mod begin;
pub mod carry;
mod handler;
pub mod request;
mod resend;

pub use handler::App;
pub use request::Channel;
