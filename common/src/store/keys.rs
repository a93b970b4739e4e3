//! API keys: made, listed, ended. They are looked up by `authorise`, inside the statements that they open.

use super::{Error, Store};
use crate::caller::KeyHash;
use crate::domain::Scope;
use jiff::Timestamp;
use tokio_postgres::types::Type;
use uuid::Uuid;

pub(super) const CREATE_API_KEY: &str = include_str!("sql/create_api_key.sql");
pub(super) const LIST_API_KEYS: &str = include_str!("sql/list_api_keys.sql");
pub(super) const REVOKE_API_KEY: &str = include_str!("sql/revoke_api_key.sql");

/// A key to be.
#[derive(Debug, Clone, Copy)]
pub struct NewApiKey<'a> {
    /// Its row's id, made before.
    pub id: Uuid,
    /// Whose; `None`: the operators'.
    pub workspace_id: Option<Uuid>,
    /// Of the key.
    pub hash: KeyHash,
    /// How the key begins.
    pub prefix: &'a str,
    /// What people call it.
    pub name: &'a str,
    /// What it opens.
    pub scopes: &'a [Scope],
}

/// A key as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: Uuid,
    /// Whose; `None`: the operators'.
    pub workspace_id: Option<Uuid>,
    /// How the key begins.
    pub prefix: String,
    /// What people call it.
    pub name: String,
    /// What it opens.
    pub scopes: Vec<String>,
    /// Since when.
    pub created_at: Timestamp,
    /// To the minute.
    pub last_used_at: Option<Timestamp>,
    /// Not good any more since then.
    pub revoked_at: Option<Timestamp>,
}

impl Store {
    /// Stores a new key; `false` when the workspace does not exist.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn create_api_key(&self, key: &NewApiKey<'_>) -> Result<bool, Error> {
        let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
        self.row(
            CREATE_API_KEY,
            &[
                (&key.workspace_id, Type::UUID),
                (&key.id, Type::UUID),
                (&key.hash.as_bytes(), Type::BYTEA),
                (&key.prefix, Type::TEXT),
                (&key.name, Type::TEXT),
                (&scopes, Type::TEXT_ARRAY),
            ],
        )
        .await
        .map(|row| row.get(0))
    }

    /// The keys of a workspace, or all.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn list_api_keys(&self, workspace_id: Option<Uuid>) -> Result<Vec<ApiKey>, Error> {
        let rows = self.rows(LIST_API_KEYS, &[(&workspace_id, Type::UUID)]).await?;
        let key = |row: &tokio_postgres::Row| ApiKey {
            id: row.get(0),
            workspace_id: row.get(1),
            prefix: row.get(2),
            name: row.get(3),
            scopes: row.get(4),
            created_at: row.get(5),
            last_used_at: row.get(6),
            revoked_at: row.get(7),
        };
        Ok(rows.iter().map(key).collect())
    }

    /// Ends a key of a workspace, or of anybody; `false` when there is none of that id.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn revoke_api_key(&self, workspace_id: Option<Uuid>, id: Uuid) -> Result<bool, Error> {
        self.row(REVOKE_API_KEY, &[(&workspace_id, Type::UUID), (&id, Type::UUID)])
            .await
            .map(|row| row.get(0))
    }
}
