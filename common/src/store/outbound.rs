//! Outbound messages and calls: one statement before the carrier is asked, one after.

use super::{Error, Store};
use crate::caller::Permit;
use crate::config::SharedNumbers;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value;
use tokio_postgres::types::Type;
use uuid::Uuid;

pub(super) const BEGIN_OUTBOUND: &str = include_str!("sql/begin_outbound.sql");
pub(super) const FINISH_OUTBOUND: &str = include_str!("sql/finish_outbound.sql");

/// What is to be sent.
#[derive(Debug, Clone, Copy)]
pub struct NewMessage<'a> {
    /// The row's id, made before.
    pub id: Uuid,
    /// Who asks, for which workspace.
    pub permit: Permit<'a>,
    /// `Idempotency-Key`.
    pub key: Option<&'a str>,
    /// Of the request's body.
    pub hash: &'a [u8],
    /// `sms`, `whatsapp`, `call`.
    pub channel: &'a str,
    /// E.164.
    pub to: &'a str,
    /// What is said.
    pub body: &'a str,
    /// `[{"url": …}]`
    pub attachments: &'a Value,
    /// As we count; `None` where nothing is counted.
    pub segments: Option<i32>,
    /// What the caller named: a number's id, E.164, or type.
    pub from: Option<&'a str>,
    /// The agent who is rung first.
    pub connect: Option<&'a str>,
}

/// What the first statement decided.
#[derive(Debug, Clone)]
pub enum Begin {
    /// The row is there: send.
    Created {
        /// From this number.
        from: String,
        /// In this thread.
        conversation_id: Uuid,
        /// Since then.
        created_at: Timestamp,
    },
    /// The key was used: this was answered.
    Replay(Value),
    /// The key's first request still runs.
    Running,
    /// The key's first request was another one.
    Mismatch,
    /// The key's first request broke off before the carrier's answer was written: nobody knows whether it was sent.
    Unsettled {
        /// Its row.
        message_id: Uuid,
        /// Its number.
        from: String,
        /// Its thread.
        conversation_id: Uuid,
        /// Since then.
        created_at: Timestamp,
    },
    /// It may not be sent.
    Refused {
        /// A stable name: one of [`crate::caller::denied`], `opted_out`, `no_number`, `number_not_ready`.
        code: String,
        /// Why, for a person.
        detail: Option<String>,
    },
}

/// What the carrier answered.
#[derive(Debug, Clone, Copy)]
pub struct Finish<'a> {
    /// The row.
    pub id: Uuid,
    /// Its workspace.
    pub workspace_id: Uuid,
    /// The request's key.
    pub key: Option<&'a str>,
    /// The SID, when the carrier took it.
    pub sid: Option<&'a str>,
    /// In our words.
    pub status: &'a str,
    /// The carrier's code.
    pub error_code: Option<&'a str>,
    /// The carrier's words.
    pub error_message: Option<&'a str>,
    /// As the carrier counts.
    pub segments: Option<i32>,
    /// What it costs, when known.
    pub price: Option<Decimal>,
    /// Whether the key is used up.
    pub keep_key: bool,
    /// What the caller is told.
    pub answer: &'a Value,
}

impl Store {
    /// Decides on a send and writes its row.
    ///
    /// # Errors
    /// When nothing was decided.
    pub async fn begin_outbound(
        &self,
        message: &NewMessage<'_>,
        shared: &SharedNumbers,
        now: Timestamp,
    ) -> Result<Begin, Error> {
        let row = self
            .row(
                BEGIN_OUTBOUND,
                &[
                    (&message.permit.workspace_id, Type::UUID),
                    (&message.permit.owner, Type::TEXT),
                    (&message.permit.key, Type::BYTEA),
                    (&message.permit.scope, Type::TEXT),
                    (&message.id, Type::UUID),
                    (&message.key, Type::TEXT),
                    (&message.hash, Type::BYTEA),
                    (&message.channel, Type::TEXT),
                    (&message.to, Type::TEXT),
                    (&message.body, Type::TEXT),
                    (&message.attachments, Type::JSONB),
                    (&message.segments, Type::INT4),
                    (&message.from, Type::TEXT),
                    (&shared.platform.as_str(), Type::TEXT),
                    (
                        &shared.whatsapp.as_ref().map(|number| number.as_str()),
                        Type::TEXT,
                    ),
                    (&message.connect, Type::TEXT),
                    (&now, Type::TIMESTAMPTZ),
                ],
            )
            .await?;
        let missing = || Error::Inconsistent("a send without number, thread or time");
        let from = || row.get::<_, Option<String>>(2).ok_or_else(missing);
        let conversation_id = || row.get::<_, Option<Uuid>>(3).ok_or_else(missing);
        let created_at = || row.get::<_, Option<Timestamp>>(6).ok_or_else(missing);
        Ok(match row.get::<_, &str>(0) {
            "created" => Begin::Created {
                from: from()?,
                conversation_id: conversation_id()?,
                created_at: created_at()?,
            },
            "replay" => Begin::Replay(row.get::<_, Option<Value>>(5).ok_or_else(missing)?),
            "running" => Begin::Running,
            "mismatch" => Begin::Mismatch,
            "unsettled" => Begin::Unsettled {
                message_id: row.get::<_, Option<Uuid>>(4).ok_or_else(missing)?,
                from: from()?,
                conversation_id: conversation_id()?,
                created_at: created_at()?,
            },
            code => Begin::Refused {
                code: code.to_owned(),
                detail: row.get(1),
            },
        })
    }

    /// Writes what the carrier answered, and what the caller is told.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn finish_outbound(&self, finish: &Finish<'_>) -> Result<(), Error> {
        self.row(
            FINISH_OUTBOUND,
            &[
                (&finish.id, Type::UUID),
                (&finish.workspace_id, Type::UUID),
                (&finish.key, Type::TEXT),
                (&finish.sid, Type::TEXT),
                (&finish.status, Type::TEXT),
                (&finish.error_code, Type::TEXT),
                (&finish.error_message, Type::TEXT),
                (&finish.segments, Type::INT4),
                (&finish.price, Type::NUMERIC),
                (&finish.keep_key, Type::BOOL),
                (&finish.answer, Type::JSONB),
            ],
        )
        .await
        .map(|_| ())
    }
}
