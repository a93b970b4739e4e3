//! Limits of workspaces, blocked destinations, and what was refused.

use super::{Error, Store};
use serde_json::Value;
use tokio_postgres::types::Type;
use uuid::Uuid;

pub(super) const SET_LIMITS: &str = include_str!("sql/set_limits.sql");
pub(super) const SHOW_LIMITS: &str = include_str!("sql/show_limits.sql");
pub(super) const LIST_BLOCKED_PREFIXES: &str = include_str!("sql/list_blocked_prefixes.sql");
pub(super) const BLOCK_PREFIX: &str = include_str!("sql/block_prefix.sql");
pub(super) const UNBLOCK_PREFIX: &str = include_str!("sql/unblock_prefix.sql");
pub(super) const LIST_REFUSALS: &str = include_str!("sql/list_refusals.sql");

/// A destination that is never messaged or called.
#[derive(Debug, Clone)]
pub struct BlockedPrefix {
    /// How its numbers begin; `_` is any digit.
    pub prefix: String,
    /// `premium`, `satellite`, `high_cost`, `custom`
    pub kind: String,
    /// What it is.
    pub note: String,
}

/// How often something was refused.
#[derive(Debug, Clone)]
pub struct RefusalCount {
    /// UTC.
    pub day: String,
    /// To whom.
    pub workspace_id: Uuid,
    /// The stable code of the answer.
    pub code: String,
    /// How often.
    pub count: i64,
}

impl Store {
    /// Changes a workspace's own limits (`{"messages_per_day": 100}`, null for the tier's); gives what is wrong, if anything.
    ///
    /// # Errors
    /// When it is not stored: a value that the limit does not take is one too.
    pub async fn set_limits(&self, workspace_id: Uuid, changes: &Value) -> Result<Option<String>, Error> {
        self.row(SET_LIMITS, &[(&workspace_id, Type::UUID), (changes, Type::JSONB)])
            .await
            .map(|row| row.get(0))
    }

    /// What holds for a workspace; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn show_limits(&self, workspace_id: Uuid) -> Result<Option<Value>, Error> {
        self.row(SHOW_LIMITS, &[(&workspace_id, Type::UUID)])
            .await
            .map(|row| row.get(0))
    }

    /// Every blocked destination.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn list_blocked_prefixes(&self) -> Result<Vec<BlockedPrefix>, Error> {
        let rows = self.rows(LIST_BLOCKED_PREFIXES, &[]).await?;
        let prefix = |row: &tokio_postgres::Row| BlockedPrefix {
            prefix: row.get(0),
            kind: row.get(1),
            note: row.get(2),
        };
        Ok(rows.iter().map(prefix).collect())
    }

    /// Blocks a destination.
    ///
    /// # Errors
    /// When it is not stored: a malformed prefix is one too.
    pub async fn block_prefix(&self, prefix: &str, note: &str) -> Result<(), Error> {
        self.row(BLOCK_PREFIX, &[(&prefix, Type::TEXT), (&note, Type::TEXT)])
            .await
            .map(|_| ())
    }

    /// Ends a block; `false` when there was none.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn unblock_prefix(&self, prefix: &str) -> Result<bool, Error> {
        self.row(UNBLOCK_PREFIX, &[(&prefix, Type::TEXT)])
            .await
            .map(|row| row.get(0))
    }

    /// What was refused today and in as many days before.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn list_refusals(&self, days: i32) -> Result<Vec<RefusalCount>, Error> {
        let rows = self.rows(LIST_REFUSALS, &[(&days, Type::INT4)]).await?;
        let count = |row: &tokio_postgres::Row| RefusalCount {
            day: row.get(0),
            workspace_id: row.get(1),
            code: row.get(2),
            count: row.get(3),
        };
        Ok(rows.iter().map(count).collect())
    }
}
