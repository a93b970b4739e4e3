//! What the voice webhook asks while a caller waits.

use super::{Error, Outcome, Store};
use crate::webhook::voice::{DialResult, InboundCall};
use jiff::Timestamp;
use tokio_postgres::types::Type;
use uuid::Uuid;

pub(super) const RECORD_INBOUND_CALL: &str = include_str!("sql/record_inbound_call.sql");
pub(super) const RECORD_DIAL_RESULT: &str = include_str!("sql/record_dial_result.sql");
pub(super) const FIND_CALL_SCRIPT: &str = include_str!("sql/find_call_script.sql");

/// Where an inbound call goes.
#[derive(Debug, Clone)]
pub struct CallRoute {
    /// What became of it.
    pub outcome: Outcome,
    /// Whose it is.
    pub workspace_id: Option<Uuid>,
    /// What that workspace is called.
    pub workspace_name: Option<String>,
    /// Its row.
    pub message_id: Option<Uuid>,
    /// Whom to ring, in E.164; empty outside business hours.
    pub forward_to: Vec<String>,
    /// What voicemail says.
    pub greeting: Option<String>,
}

/// What voicemail needs after nobody answered.
#[derive(Debug, Clone)]
pub struct DialOutcome {
    /// What the workspace is called.
    pub workspace_name: Option<String>,
    /// What voicemail says.
    pub greeting: Option<String>,
}

/// What an outbound call does once it is answered.
#[derive(Debug, Clone)]
pub struct CallScript {
    /// What is spoken.
    pub body: String,
    /// The agent who was rung first, if the call joins two people.
    pub connect: Option<String>,
    /// Our number.
    pub from: String,
    /// The customer.
    pub to: String,
}

impl Store {
    /// Stores an inbound call once, and says how to answer it: the same on a repeat. `may_text`: whether a text may go to the caller.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn record_inbound_call(
        &self,
        id: Uuid,
        call: &InboundCall,
        shared: bool,
        may_text: bool,
        received_at: Timestamp,
    ) -> Result<CallRoute, Error> {
        let row = self
            .row(
                RECORD_INBOUND_CALL,
                &[
                    (&id, Type::UUID),
                    (&call.sid, Type::TEXT),
                    (&call.business.as_str(), Type::TEXT),
                    (&call.customer.as_str(), Type::TEXT),
                    (&call.status, Type::TEXT),
                    (&shared, Type::BOOL),
                    (&may_text, Type::BOOL),
                    (&received_at, Type::TIMESTAMPTZ),
                ],
            )
            .await?;
        Ok(CallRoute {
            outcome: Outcome::read(row.get(0))?,
            workspace_id: row.get(1),
            workspace_name: row.get(2),
            message_id: row.get(3),
            forward_to: row.get::<_, Option<Vec<String>>>(4).unwrap_or_default(),
            greeting: row.get(5),
        })
    }

    /// Keeps how the forwarded leg ended.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn record_dial_result(&self, result: &DialResult) -> Result<DialOutcome, Error> {
        let row = self
            .row(
                RECORD_DIAL_RESULT,
                &[
                    (&result.call_sid, Type::TEXT),
                    (&result.status, Type::TEXT),
                    (&result.call, Type::JSONB),
                ],
            )
            .await?;
        Ok(DialOutcome {
            workspace_name: row.get(0),
            greeting: row.get(1),
        })
    }

    /// What an outbound call of ours does once it is answered; `None` when there is no such call.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn find_call_script(&self, message: Uuid) -> Result<Option<CallScript>, Error> {
        let rows = self.rows(FIND_CALL_SCRIPT, &[(&message, Type::UUID)]).await?;
        Ok(rows.first().map(|row| CallScript {
            body: row.get(0),
            connect: row.get(1),
            from: row.get(2),
            to: row.get(3),
        }))
    }
}
