//! Inbound messages.

use super::{Error, Store};
use crate::webhook::sms::InboundMessage;
use jiff::Timestamp;
use tokio_postgres::types::Type;
use uuid::Uuid;

pub(super) const RECORD_INBOUND_MESSAGE: &str = include_str!("sql/record_inbound_message.sql");

/// What became of a message or call that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Stored in a workspace.
    Recorded,
    /// It was there already.
    Duplicate,
    /// Kept, but nobody's.
    Unrouted,
    /// Kept before, and nobody's.
    UnroutedDuplicate,
}

impl Outcome {
    pub(super) fn read(text: &str) -> Result<Self, Error> {
        match text {
            "recorded" => Ok(Self::Recorded),
            "duplicate" => Ok(Self::Duplicate),
            "unrouted" => Ok(Self::Unrouted),
            "unrouted_duplicate" => Ok(Self::UnroutedDuplicate),
            _ => Err(Error::Inconsistent("an unknown outcome of an inbound event")),
        }
    }

    /// Whether no workspace was found.
    pub fn is_unrouted(self) -> bool {
        matches!(self, Self::Unrouted | Self::UnroutedDuplicate)
    }
}

/// A message as stored.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// What became of it.
    pub outcome: Outcome,
    /// Whose it is.
    pub workspace_id: Option<Uuid>,
    /// What that workspace is called.
    pub workspace_name: Option<String>,
    /// Its thread.
    pub conversation_id: Option<Uuid>,
    /// Its row, here or among the unrouted.
    pub message_id: Option<Uuid>,
    /// Which keyword is to be answered: `stop`, `start`, `help`.
    pub reply: Option<String>,
}

impl Store {
    /// Stores an inbound message once: tenant, thread, contact, counts, consent, in one statement. `shared`: it came to a number
    /// that several workspaces use.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn record_inbound_message(
        &self,
        id: Uuid,
        message: &InboundMessage,
        shared: bool,
        received_at: Timestamp,
    ) -> Result<Recorded, Error> {
        let (keyword, word) = match &message.keyword {
            Some((keyword, word)) => (Some(keyword.as_str()), Some(word.as_str())),
            None => (None, None),
        };
        let row = self
            .row(
                RECORD_INBOUND_MESSAGE,
                &[
                    (&id, Type::UUID),
                    (&message.sid, Type::TEXT),
                    (&message.channel.as_str(), Type::TEXT),
                    (&message.business.as_str(), Type::TEXT),
                    (&message.customer.as_str(), Type::TEXT),
                    (&message.body, Type::TEXT),
                    (&message.attachments, Type::JSONB),
                    (&message.segments, Type::INT4),
                    (&shared, Type::BOOL),
                    (&keyword, Type::TEXT),
                    (&word, Type::TEXT),
                    (&received_at, Type::TIMESTAMPTZ),
                ],
            )
            .await?;
        Ok(Recorded {
            outcome: Outcome::read(row.get(0))?,
            workspace_id: row.get(1),
            workspace_name: row.get(2),
            conversation_id: row.get(3),
            message_id: row.get(4),
            reply: row.get(5),
        })
    }
}
