//! What came of something inbound: every exchange, and what the answers asked for.

use serde::Serialize;

use crate::{cxml::Element, ledger::Exchange};

/// A `<Message>` that an answer sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reply {
    /// SID of the outbound message; empty for a redelivery, which records nothing.
    pub sid: String,
    /// Our number.
    pub from: String,
    /// The customer.
    pub to: String,
    /// Its text.
    pub body: String,
    /// `<Media>` URLs.
    pub media: Vec<String>,
}

/// A leg that `<Dial>` rang.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DialedLeg {
    /// SID of the child call.
    pub sid: String,
    /// Who was rung.
    pub to: String,
    /// What they saw.
    pub caller_id: String,
    /// `completed`, `busy`, `no-answer`, `failed`, `canceled`.
    pub status: String,
}

/// One inbound message or call, or one outbound call, as it went.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Delivery {
    /// `MessageSid` or `CallSid`.
    pub sid: String,
    /// The sender.
    pub from: String,
    /// The receiver.
    pub to: String,
    /// Documents, actions and callbacks, in order.
    pub exchanges: Vec<Exchange>,
    /// The verbs that were executed, in order.
    pub verbs: Vec<Element>,
    /// Messages that the answers sent.
    pub replies: Vec<Reply>,
    /// Legs that the answers dialled.
    pub legs: Vec<DialedLeg>,
    /// SIDs of what was recorded.
    pub recordings: Vec<String>,
    /// Final status of a call.
    pub call_status: Option<String>,
    /// What the carrier would complain about.
    pub warnings: Vec<String>,
}

impl Delivery {
    /// Status of the first answer.
    pub fn status(&self) -> Option<u16> {
        self.exchanges.first().and_then(|exchange| exchange.status)
    }

    /// The first code that went wrong.
    pub fn error(&self) -> Option<u32> {
        self.exchanges.iter().find_map(|exchange| exchange.error)
    }

    /// Whether every exchange went well and nothing was complained about.
    pub fn is_clean(&self) -> bool {
        !self.exchanges.is_empty() && self.error().is_none() && self.warnings.is_empty()
    }

    /// The names of the executed verbs.
    pub fn verb_names(&self) -> Vec<&str> {
        self.verbs.iter().map(|verb| verb.name.as_str()).collect()
    }
}
