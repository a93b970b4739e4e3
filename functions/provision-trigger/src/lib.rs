//! Buys, configures, suspends and releases numbers.
//!
//! Trigger: SQS `ProvisioningQueue`, events of spec P2, plain or in an EventBridge envelope. Effect: the workspace's row follows the
//! event, and an order takes its number from the carrier: stored before it is asked for, so that whatever breaks, nothing is
//! bought twice and nothing that was bought is lost. Answer: the records that have to come again; a record that no retry can
//! cure is parked with its reason, alone.

mod handler;
pub mod naming;
pub mod order;
pub mod release;
mod search;
mod shelf;

pub use handler::{App, Parts};
