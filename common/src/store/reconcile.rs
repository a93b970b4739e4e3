//! What the reconciler asks and writes.

use super::{Error, Store};
use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::types::Type;
use uuid::Uuid;

pub(super) const CLAIM_OPEN_MESSAGES: &str = include_str!("sql/claim_open_messages.sql");
pub(super) const SETTLE_UNKNOWN: &str = include_str!("sql/settle_unknown.sql");
pub(super) const SETTLE_NEVER_SENT: &str = include_str!("sql/settle_never_sent.sql");
pub(super) const RECONCILE_MESSAGES: &str = include_str!("sql/reconcile_messages.sql");
pub(super) const RECONCILE_CALLS: &str = include_str!("sql/reconcile_calls.sql");
pub(super) const RECORD_REPLY_CHARGES: &str = include_str!("sql/record_reply_charges.sql");
pub(super) const COMPARE_NUMBERS: &str = include_str!("sql/compare_numbers.sql");
pub(super) const ADOPT_ORPHAN: &str = include_str!("sql/adopt_orphan.sql");
pub(super) const MARK_GHOST: &str = include_str!("sql/mark_ghost.sql");
pub(super) const KEEP_SPARE: &str = include_str!("sql/keep_spare.sql");
pub(super) const RELEASE_SPARE: &str = include_str!("sql/release_spare.sql");
pub(super) const DUE_ORDERS: &str = include_str!("sql/due_orders.sql");
pub(super) const DUE_RELEASES: &str = include_str!("sql/due_releases.sql");
pub(super) const PENDING_READINESS: &str = include_str!("sql/pending_readiness.sql");
pub(super) const LIFT_REFUSALS: &str = include_str!("sql/lift_refusals.sql");
pub(super) const BEGIN_RUN: &str = include_str!("sql/begin_run.sql");
pub(super) const PLATFORM_FIGURES: &str = include_str!("sql/platform_figures.sql");
pub(super) const FINISH_RUN: &str = include_str!("sql/finish_run.sql");

/// A message or call that waits for its end.
#[derive(Debug, Clone)]
pub struct OpenMessage {
    /// Its row.
    pub id: Uuid,
    /// Its workspace.
    pub workspace_id: Uuid,
    /// Its SID, unless the carrier's answer was lost.
    pub sid: Option<String>,
    /// `sms`, `whatsapp`, `call`
    pub channel: String,
    /// `inbound`, `outbound`
    pub direction: String,
    /// Where it stands.
    pub status: String,
    /// Who sent.
    pub sender: String,
    /// To whom.
    pub recipient: String,
    /// Who was rung first.
    pub connect: Option<String>,
    /// What it says.
    pub body: String,
    /// Since when.
    pub created_at: Timestamp,
}

/// A difference between the carrier's numbers and ours.
#[derive(Debug, Clone)]
pub struct NumberFinding {
    /// Ours but not the carrier's; else the carrier's but not ours.
    pub is_ghost: bool,
    /// Our row.
    pub phone_number_id: Option<Uuid>,
    /// E.164.
    pub phone_number: String,
    /// SID.
    pub sid: Option<String>,
    /// As the carrier calls it.
    pub friendly_name: Option<String>,
    /// One of `spare_numbers`: no order has a use for it, and it is known.
    pub is_spare: bool,
}

/// What becomes of a number that carries an order but is on nobody's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adoption {
    /// Its order takes it.
    Adopted,
    /// Somebody works on the order.
    Busy,
    /// The order has no use for it.
    Spare,
}

impl Adoption {
    pub(super) fn read(row: &tokio_postgres::Row) -> Result<Self, Error> {
        match row.get(0) {
            "adopted" => Ok(Self::Adopted),
            "busy" => Ok(Self::Busy),
            "spare" => Ok(Self::Spare),
            _ => Err(Error::Inconsistent("an unknown outcome of an adoption")),
        }
    }
}

impl Store {
    /// How things stand, over all workspaces.
    ///
    /// # Errors
    /// As any statement.
    pub async fn platform_figures(&self) -> Result<Value, Error> {
        Ok(self.row(PLATFORM_FIGURES, &[]).await?.get(0))
    }

    /// Takes some messages and calls without an end to look at; another run takes others.
    ///
    /// # Errors
    /// When they cannot be taken.
    pub async fn claim_open_messages(&self, limit: i32) -> Result<Vec<OpenMessage>, Error> {
        let rows = self.rows(CLAIM_OPEN_MESSAGES, &[(&limit, Type::INT4)]).await?;
        let read = |row: &tokio_postgres::Row| OpenMessage {
            id: row.get(0),
            workspace_id: row.get(1),
            sid: row.get(2),
            channel: row.get(3),
            direction: row.get(4),
            status: row.get(5),
            sender: row.get(6),
            recipient: row.get(7),
            connect: row.get(8),
            body: row.get(9),
            created_at: row.get(10),
        };
        Ok(rows.iter().map(read).collect())
    }

    /// Gives a row its SID, unless another has it.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn settle_unknown(&self, id: Uuid, sid: &str) -> Result<bool, Error> {
        Ok(self
            .row(SETTLE_UNKNOWN, &[(&id, Type::UUID), (&sid, Type::TEXT)])
            .await?
            .get(0))
    }

    /// Notes that a message never reached the carrier.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn settle_never_sent(&self, id: Uuid) -> Result<(), Error> {
        self.rows(SETTLE_NEVER_SENT, &[(&id, Type::UUID)])
            .await
            .map(|_| ())
    }

    /// Compares a page of the carrier's messages with ours; gives the SIDs of inbound ones that we lack.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn reconcile_messages(&self, rows: &Value) -> Result<Vec<String>, Error> {
        let rows = self.rows(RECONCILE_MESSAGES, &[(rows, Type::JSONB)]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Compares a page of the carrier's calls and legs with ours; gives how many rows that changed.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn reconcile_calls(&self, rows: &Value) -> Result<i32, Error> {
        Ok(self.row(RECONCILE_CALLS, &[(rows, Type::JSONB)]).await?.get(0))
    }

    /// Keeps what the carrier charged for texts that it sent as answers of our webhooks.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn record_reply_charges(&self, rows: &Value) -> Result<(), Error> {
        self.rows(RECORD_REPLY_CHARGES, &[(rows, Type::JSONB)])
            .await
            .map(|_| ())
    }

    /// Compares all of the carrier's numbers with ours.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn compare_numbers(&self, theirs: &Value) -> Result<Vec<NumberFinding>, Error> {
        let rows = self.rows(COMPARE_NUMBERS, &[(theirs, Type::JSONB)]).await?;
        let read = |row: &tokio_postgres::Row| NumberFinding {
            is_ghost: row.get::<_, &str>(0) == "ghost",
            phone_number_id: row.get(1),
            phone_number: row.get(2),
            sid: row.get(3),
            friendly_name: row.get(4),
            is_spare: row.get(5),
        };
        Ok(rows.iter().map(read).collect())
    }

    /// Hands a number that nobody knows to the order that it names, if that still waits for one; else it is a spare, and for two
    /// minutes the caller's to give back.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn adopt_orphan(&self, order: Uuid, phone_number: &str, sid: &str) -> Result<Adoption, Error> {
        let parameters = [
            (&order as _, Type::UUID),
            (&phone_number as _, Type::TEXT),
            (&sid as _, Type::TEXT),
        ];
        Adoption::read(&self.row(ADOPT_ORPHAN, &parameters).await?)
    }

    /// Marks a number that the carrier does not have any more.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn mark_ghost(&self, number: Uuid) -> Result<(), Error> {
        self.rows(MARK_GHOST, &[(&number, Type::UUID)]).await.map(|_| ())
    }

    /// Keeps a spare that the carrier does not take back yet; an order may take it.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn keep_spare(&self, phone_number: &str, reason: &str) -> Result<(), Error> {
        let parameters = [(&phone_number as _, Type::TEXT), (&reason as _, Type::TEXT)];
        self.rows(KEEP_SPARE, &parameters).await.map(|_| ())
    }

    /// Notes that the carrier took it back.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn release_spare(&self, phone_number: &str) -> Result<(), Error> {
        self.rows(RELEASE_SPARE, &[(&phone_number, Type::TEXT)])
            .await
            .map(|_| ())
    }

    /// Orders whose time has come, or whose worker is gone.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn due_orders(&self, limit: i64) -> Result<Vec<Uuid>, Error> {
        Ok(self
            .rows(DUE_ORDERS, &[(&limit, Type::INT8)])
            .await?
            .iter()
            .map(|row| row.get(0))
            .collect())
    }

    /// Numbers whose release is due.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn due_releases(&self, limit: i64) -> Result<Vec<Uuid>, Error> {
        Ok(self
            .rows(DUE_RELEASES, &[(&limit, Type::INT8)])
            .await?
            .iter()
            .map(|row| row.get(0))
            .collect())
    }

    /// Numbers that cannot text yet: row, number, whether the campaign was asked.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn pending_readiness(&self, limit: i64) -> Result<Vec<(Uuid, String, bool)>, Error> {
        let rows = self.rows(PENDING_READINESS, &[(&limit, Type::INT8)]).await?;
        Ok(rows
            .iter()
            .map(|row| (row.get(0), row.get(1), row.get(2)))
            .collect())
    }

    /// Begins a run's row; gives the page of messages at which the last run stopped for want of time.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn begin_run(&self, id: Uuid, schedule: &str) -> Result<Option<String>, Error> {
        let row = self
            .row(BEGIN_RUN, &[(&id, Type::UUID), (&schedule, Type::TEXT)])
            .await?;
        Ok(row.get(0))
    }

    /// Lets numbers try again that the carrier refused a day ago for want of a campaign; gives how many.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn lift_refusals(&self) -> Result<i32, Error> {
        Ok(self.row(LIFT_REFUSALS, &[]).await?.get(0))
    }

    /// Ends it, with what the run did.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn finish_run(&self, id: Uuid, report: &Value) -> Result<(), Error> {
        self.rows(FINISH_RUN, &[(&id, Type::UUID), (report, Type::JSONB)])
            .await
            .map(|_| ())
    }
}
