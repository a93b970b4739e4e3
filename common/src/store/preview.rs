//! What the reconciler would find to do: the same statements, without their effect.

use super::reconcile::Adoption;
use super::{Error, Store};
use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::types::Type;
use uuid::Uuid;

pub(super) const PREVIEW_OPEN_MESSAGES: &str = include_str!("sql/preview_open_messages.sql");
pub(super) const PREVIEW_MESSAGES: &str = include_str!("sql/preview_messages.sql");
pub(super) const PREVIEW_ORPHAN: &str = include_str!("sql/preview_orphan.sql");
pub(super) const PREVIEW_ORDERS: &str = include_str!("sql/preview_orders.sql");
pub(super) const PREVIEW_RELEASES: &str = include_str!("sql/preview_releases.sql");
pub(super) const PREVIEW_HELD: &str = include_str!("sql/preview_held.sql");

/// Messages and calls without an end that are due to be asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenGroup {
    /// `sms`, `whatsapp`, `call`
    pub channel: String,
    /// `inbound`, `outbound`
    pub direction: String,
    /// Where they stand.
    pub status: String,
    /// How many.
    pub messages: i64,
    /// Since when the oldest waits.
    pub oldest: Timestamp,
}

/// An order whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueOrder {
    /// Its id.
    pub id: Uuid,
    /// The workspace's name.
    pub workspace: String,
    /// Where it stands.
    pub state: String,
    /// Why it waits.
    pub reason: Option<String>,
    /// How often it was tried.
    pub attempts: i32,
    /// The number that it has chosen.
    pub phone_number: Option<String>,
}

/// A number whose release is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueRelease {
    /// E.164.
    pub phone_number: String,
    /// The workspace's name.
    pub workspace: String,
    /// When its grace ended.
    pub due_since: Timestamp,
    /// How often it was tried.
    pub attempts: i32,
    /// What the carrier said to that.
    pub last_error: Option<String>,
}

impl Store {
    /// What [`Self::claim_open_messages`] would take, by kind.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn preview_open_messages(&self, limit: i32) -> Result<Vec<OpenGroup>, Error> {
        let rows = self.rows(PREVIEW_OPEN_MESSAGES, &[(&limit, Type::INT4)]).await?;
        let read = |row: &tokio_postgres::Row| OpenGroup {
            channel: row.get(0),
            direction: row.get(1),
            status: row.get(2),
            messages: row.get(3),
            oldest: row.get(4),
        };
        Ok(rows.iter().map(read).collect())
    }

    /// What [`Self::reconcile_messages`] would give.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn preview_messages(&self, rows: &Value) -> Result<Vec<String>, Error> {
        let rows = self.rows(PREVIEW_MESSAGES, &[(rows, Type::JSONB)]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// What [`Self::adopt_orphan`] would give.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn preview_orphan(
        &self,
        order: Uuid,
        phone_number: &str,
        sid: &str,
    ) -> Result<Adoption, Error> {
        let parameters = [
            (&order as _, Type::UUID),
            (&phone_number as _, Type::TEXT),
            (&sid as _, Type::TEXT),
        ];
        Adoption::read(&self.row(PREVIEW_ORPHAN, &parameters).await?)
    }

    /// Orders by their ids.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn preview_orders(&self, ids: &[Uuid]) -> Result<Vec<DueOrder>, Error> {
        let rows = self.rows(PREVIEW_ORDERS, &[(&ids, Type::UUID_ARRAY)]).await?;
        let read = |row: &tokio_postgres::Row| DueOrder {
            id: row.get(0),
            workspace: row.get(1),
            state: row.get(2),
            reason: row.get(3),
            attempts: row.get(4),
            phone_number: row.get(5),
        };
        Ok(rows.iter().map(read).collect())
    }

    /// Releases by their numbers' ids.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn preview_releases(&self, ids: &[Uuid]) -> Result<Vec<DueRelease>, Error> {
        let rows = self.rows(PREVIEW_RELEASES, &[(&ids, Type::UUID_ARRAY)]).await?;
        let read = |row: &tokio_postgres::Row| DueRelease {
            phone_number: row.get(0),
            workspace: row.get(1),
            due_since: row.get(2),
            attempts: row.get(3),
            last_error: row.get(4),
        };
        Ok(rows.iter().map(read).collect())
    }

    /// How many held messages are due.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn preview_held(&self) -> Result<i64, Error> {
        Ok(self.row(PREVIEW_HELD, &[]).await?.get(0))
    }
}
