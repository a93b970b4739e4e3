//! What should be true, kept by a program too small to be wrong: one customer after the other, one event after the other.

use std::collections::{BTreeMap, BTreeSet};

/// The order of message statuses.
pub const RANKS: [&str; 7] = [
    "queued",
    "sending",
    "sent",
    "failed",
    "undelivered",
    "delivered",
    "read",
];

/// A message that a customer sent.
#[derive(Debug, Clone)]
pub struct Inbound {
    /// Its SID.
    pub sid: String,
    /// Who sent it.
    pub customer: String,
    /// What it says.
    pub body: String,
    /// Whether the database has it; else it waits in the spool, or no webhook brought it.
    pub is_stored: bool,
    /// Whether its webhook was answered with 200.
    pub is_acknowledged: bool,
}

impl Inbound {
    /// `Some(true)` for STOP, `Some(false)` for START.
    pub fn consent(&self) -> Option<bool> {
        match self.body.as_str() {
            "STOP" => Some(true),
            "START" => Some(false),
            _ => None,
        }
    }
}

/// A message of ours.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Its row.
    pub id: String,
    /// The carrier's SID.
    pub sid: String,
    /// To whom.
    pub customer: String,
    /// What it says.
    pub body: String,
    /// The highest status that was reported.
    pub rank: usize,
}

/// What a send should be answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// 201, and one message more at the carrier.
    New,
    /// The same answer again, and no message more.
    Replay,
    /// 422: the key belongs to another request.
    Mismatch,
    /// 409: the customer opted out.
    OptedOut,
}

/// The state of one history.
#[derive(Debug, Default)]
pub struct Model {
    /// In the order of their arrival.
    pub inbound: Vec<Inbound>,
    /// By idempotency key.
    pub sent: BTreeMap<String, Sent>,
    /// Texts that must never have been sent.
    pub refused: BTreeSet<String>,
}

impl Model {
    /// Whether a customer has opted out, as far as the database knows.
    pub fn is_opted_out(&self, customer: &str) -> bool {
        let mut words = self
            .inbound
            .iter()
            .filter(|message| message.is_stored && message.customer == customer);
        words
            .rfind(|message| message.consent().is_some())
            .and_then(Inbound::consent)
            .unwrap_or(false)
    }

    /// What a send is to be answered with while the database is there.
    pub fn expected(&self, key: &str, customer: &str, body: &str) -> Expected {
        match self.sent.get(key) {
            Some(sent) if sent.customer == customer && sent.body == body => Expected::Replay,
            Some(_) => Expected::Mismatch,
            None if self.is_opted_out(customer) => Expected::OptedOut,
            None => Expected::New,
        }
    }

    /// A status was reported of the message with this key.
    pub fn report(&mut self, key: &str, rank: usize) {
        if let Some(sent) = self.sent.get_mut(key) {
            sent.rank = sent.rank.max(rank);
        }
    }

    /// Whether a keyword waits in the spool: what is filled in from the carrier has only whole seconds, and their order matters.
    pub fn has_waiting_keyword(&self) -> bool {
        self.inbound
            .iter()
            .any(|message| !message.is_stored && message.consent().is_some())
    }

    /// The database has these.
    pub fn stored(&mut self, is_it: impl Fn(&Inbound) -> bool) {
        for message in &mut self.inbound {
            message.is_stored |= is_it(message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbound(body: &str, is_stored: bool) -> Inbound {
        Inbound {
            sid: body.to_owned(),
            customer: "c".to_owned(),
            body: body.to_owned(),
            is_stored,
            is_acknowledged: true,
        }
    }

    #[test]
    fn the_last_stored_word_counts() {
        let mut model = Model {
            inbound: vec![inbound("STOP", true), inbound("START", false)],
            ..Model::default()
        };
        assert!(model.is_opted_out("c") && model.has_waiting_keyword());
        assert_eq!(model.expected("k", "c", "x"), Expected::OptedOut);
        model.stored(|message| message.sid == "START");
        assert!(!model.is_opted_out("c") && !model.has_waiting_keyword());
        assert_eq!(model.expected("k", "c", "x"), Expected::New);
    }

    #[test]
    fn a_key_belongs_to_one_request() {
        let mut model = Model::default();
        let sent = Sent {
            id: String::new(),
            sid: "s".into(),
            customer: "c".into(),
            body: "x".into(),
            rank: 0,
        };
        model.sent.insert("k".into(), sent);
        assert_eq!(model.expected("k", "c", "x"), Expected::Replay);
        assert_eq!(model.expected("k", "c", "y"), Expected::Mismatch);
        model.report("k", 5);
        model.report("k", 2);
        assert_eq!(model.sent["k"].rank, 5);
    }
}
