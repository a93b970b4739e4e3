//! Inbound SMS, MMS and WhatsApp.
//!
//! Trigger: `POST /api/webhooks/signalwire/sms` and `…/whatsapp`. Effect: the message is stored once in the workspace whose number
//! was written to, with its thread, contact, counts and consent; or kept among the unrouted. Answer: cXML, with a confirmation
//! when the message was STOP, START or HELP; 403 unsigned, 413 too long, 400 malformed, 503 not stored.

mod handler;

pub use handler::App;
