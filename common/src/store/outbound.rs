//! Outbound messages and calls: one statement before the carrier is asked, one after.

use super::{Error, Store};
use crate::caller::Permit;
use crate::config::SharedNumbers;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

pub(super) const BEGIN_OUTBOUND: &str = include_str!("sql/begin_outbound.sql");
pub(super) const BEGIN_RESEND: &str = include_str!("sql/begin_resend.sql");
pub(super) const FINISH_OUTBOUND: &str = include_str!("sql/finish_outbound.sql");
pub(super) const MAY_STILL_SEND: &str = include_str!("sql/may_still_send.sql");
pub(super) const RELEASE_HELD: &str = include_str!("sql/release_held.sql");
pub(super) const HOLD_AGAIN: &str = include_str!("sql/hold_again.sql");

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
    /// Why the destination is refused already: counted, once it is known who asks.
    pub refusal: Option<&'a str>,
    /// What to do in the customer's quiet hours: `hold`, `refuse`.
    pub quiet: &'a str,
}

/// A failed message that is to be sent once more.
#[derive(Debug, Clone, Copy)]
pub struct NewAttempt<'a> {
    /// The new row's id, made before.
    pub id: Uuid,
    /// Who asks, for which workspace.
    pub permit: Permit<'a>,
    /// The key of this attempt.
    pub key: &'a str,
    /// The failed message.
    pub failed: Uuid,
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
        /// What the carrier may charge at most, in dollars: a message, or a minute of a call.
        max_price: Option<Decimal>,
    },
    /// The row is there, and is sent later.
    Held {
        /// The row.
        message_id: Uuid,
        /// From this number.
        from: String,
        /// In this thread.
        conversation_id: Uuid,
        /// Since then.
        created_at: Timestamp,
        /// Not before.
        send_at: Timestamp,
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
        /// A stable name: one of [`crate::caller::denied`], or of those that `begin_outbound` lists.
        code: String,
        /// Why, for a person.
        detail: Option<String>,
        /// When it is worth to come again, in seconds.
        retry_after_seconds: Option<i32>,
        /// When quiet hours end.
        send_at: Option<Timestamp>,
    },
}

/// What became of a held message whose time had come.
#[derive(Debug, Clone)]
pub enum Held {
    /// It is to be sent now, by whoever took it.
    Due {
        /// The row.
        id: Uuid,
        /// Its workspace.
        workspace_id: Uuid,
        /// `sms`, `whatsapp`
        channel: String,
        /// Our number.
        from: String,
        /// The customer.
        to: String,
        /// What is said.
        body: String,
        /// `[{"url": …}]`
        attachments: Value,
        /// What the carrier may charge at most, in dollars.
        max_price: Option<Decimal>,
    },
    /// It may not go any more, or not yet.
    Skipped,
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

impl Begin {
    /// From the columns that `begin_outbound` and `begin_resend` share.
    fn read(row: &Row) -> Result<Self, Error> {
        let missing = || Error::Inconsistent("a send without number, thread or time");
        let from = || row.get::<_, Option<String>>(2).ok_or_else(missing);
        let conversation_id = || row.get::<_, Option<Uuid>>(3).ok_or_else(missing);
        let created_at = || row.get::<_, Option<Timestamp>>(6).ok_or_else(missing);
        Ok(match row.get::<_, &str>(0) {
            "created" => Begin::Created {
                from: from()?,
                conversation_id: conversation_id()?,
                created_at: created_at()?,
                max_price: row.get(9),
            },
            "held" => Begin::Held {
                message_id: row.get::<_, Option<Uuid>>(4).ok_or_else(missing)?,
                from: from()?,
                conversation_id: conversation_id()?,
                created_at: created_at()?,
                send_at: row.get::<_, Option<Timestamp>>(7).ok_or_else(missing)?,
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
                retry_after_seconds: row.get(8),
                send_at: row.get(7),
            },
        })
    }
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
                    (&message.refusal, Type::TEXT),
                    (&message.quiet, Type::TEXT),
                ],
            )
            .await?;
        Begin::read(&row)
    }

    /// Decides on another attempt of a failed message and writes its row. Beside the decision the body of a request that would ask
    /// for the same, where there is such a message: `not_found` and `not_resendable` are refusals, too.
    ///
    /// # Errors
    /// When nothing was decided.
    pub async fn begin_resend(
        &self,
        attempt: &NewAttempt<'_>,
        shared: &SharedNumbers,
        now: Timestamp,
    ) -> Result<(Begin, Option<Value>), Error> {
        let row = self
            .row(
                BEGIN_RESEND,
                &[
                    (&attempt.permit.workspace_id, Type::UUID),
                    (&attempt.permit.owner, Type::TEXT),
                    (&attempt.permit.key, Type::BYTEA),
                    (&attempt.permit.scope, Type::TEXT),
                    (&attempt.id, Type::UUID),
                    (&attempt.key, Type::TEXT),
                    (&attempt.failed, Type::UUID),
                    (&shared.platform.as_str(), Type::TEXT),
                    (
                        &shared.whatsapp.as_ref().map(|number| number.as_str()),
                        Type::TEXT,
                    ),
                    (&now, Type::TIMESTAMPTZ),
                ],
            )
            .await?;
        Ok((Begin::read(&row)?, row.get(10)))
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

    /// Whether a message may go that is offered to the carrier once more, or later: `false` once the customer opted out, and the
    /// row says so then.
    ///
    /// # Errors
    /// When nobody knows.
    pub async fn may_still_send(&self, workspace_id: Uuid, id: Uuid) -> Result<bool, Error> {
        self.row(MAY_STILL_SEND, &[(&workspace_id, Type::UUID), (&id, Type::UUID)])
            .await
            .map(|row| row.get(0))
    }

    /// Takes one held message whose time has come; `None` when none is due.
    ///
    /// # Errors
    /// When none could be taken.
    pub async fn release_held(&self) -> Result<Option<Held>, Error> {
        let row = self.row(RELEASE_HELD, &[]).await?;
        let missing = || Error::Inconsistent("a held message without its parts");
        let text = |column: usize| row.get::<_, Option<String>>(column).ok_or_else(missing);
        Ok(match row.get::<_, Option<&str>>(0) {
            None => None,
            Some("send") => Some(Held::Due {
                id: row.get::<_, Option<Uuid>>(1).ok_or_else(missing)?,
                workspace_id: row.get::<_, Option<Uuid>>(2).ok_or_else(missing)?,
                channel: text(3)?,
                from: text(4)?,
                to: text(5)?,
                body: text(6)?,
                attachments: row.get::<_, Option<Value>>(7).ok_or_else(missing)?,
                max_price: row.get(8),
            }),
            Some(_) => Some(Held::Skipped),
        })
    }

    /// Holds a message again that the carrier asked to wait with.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn hold_again(&self, id: Uuid, seconds: u32) -> Result<(), Error> {
        let seconds = i32::try_from(seconds).unwrap_or(i32::MAX);
        self.row(HOLD_AGAIN, &[(&id, Type::UUID), (&seconds, Type::INT4)])
            .await
            .map(|_| ())
    }
}
