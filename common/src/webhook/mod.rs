//! What SignalWire sends us and reads from us.
//!
//! [`gate`] is the one way in: size, signature, account, in that order and before anything else. [`form`] reads the fields,
//! [`sms`], [`voice`] and [`status`] type them, [`cxml`] writes the answer, [`reply`] the words of keyword answers.

pub mod cxml;
pub mod form;
pub mod gate;
pub mod reply;
pub mod signature;
pub mod sms;
pub mod status;
pub mod urls;
pub mod voice;
pub mod voicemail;

pub use form::Form;
pub use gate::{Gate, Payload, Rejection};
