//! What we ask of SignalWire over REST (FACTS 1–5): [`Client`] with one method an operation, each with its wire structs beside it.

mod calls;
mod campaigns;
mod client;
mod error;
mod forget;
mod leave;
mod messages;
mod phone_numbers;
mod records;
pub mod space_url;

pub use calls::{CallRequest, PlacedCall};
pub use campaigns::{Assignment, CampaignOrder};
pub use client::Client;
pub use error::Error;
pub use leave::Leave;
pub use messages::{AcceptedMessage, MessageRequest, WhatsAppRequest};
pub use phone_numbers::{AvailableNumber, Browse, OwnedNumber, Purchase, Search};
pub use records::{CallRecord, Listed, MessageRecord, NumberRecord};
