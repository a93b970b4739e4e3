//! Inbound calls, and the scripts of outbound ones.
//!
//! Trigger: `POST /api/webhooks/signalwire/voice` (somebody calls), `…/voice/dial-result` (the forwarded leg ended),
//! `…/voice/recording-done` (voicemail was left), `…/voice/outbound/{message}` (a call of ours was answered). Effect: one message
//! for a call, which callbacks complete. Answer: cXML that forwards, takes a voice message, speaks, or joins two people;
//! 403 unsigned, 413 too long, 400 malformed, 503 not stored.

mod handler;
mod script;

pub use handler::App;
