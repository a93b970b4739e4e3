//! Events on their way out.

use super::{Error, Store};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;
use tokio_postgres::types::Type;
use uuid::Uuid;

pub(super) const CLAIM_BUS_EVENTS: &str = include_str!("sql/claim_bus_events.sql");
pub(super) const FINISH_BUS_EVENTS: &str = include_str!("sql/finish_bus_events.sql");
pub(super) const CLAIM_ENDPOINTS: &str = include_str!("sql/claim_endpoints.sql");
pub(super) const DUE_DELIVERIES: &str = include_str!("sql/due_deliveries.sql");
pub(super) const RECORD_ATTEMPT: &str = include_str!("sql/record_attempt.sql");
pub(super) const RELEASE_ENDPOINT: &str = include_str!("sql/release_endpoint.sql");
pub(super) const PURGE_EVENTS: &str = include_str!("sql/purge_events.sql");

/// An event that the bus lacks.
#[derive(Debug, Clone)]
pub struct DueForBus {
    /// Its row.
    pub id: Uuid,
    /// Its type.
    pub kind: String,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// What is told.
    pub document: Value,
}

/// An endpoint with something to deliver, leased to one run.
#[derive(Debug, Clone)]
pub struct DueEndpoint {
    /// Its row.
    pub id: Uuid,
    /// Its workspace.
    pub workspace_id: Uuid,
    /// Where it is.
    pub url: String,
    /// `whsec_…`; the one before as well, for a day after a rotation.
    pub secrets: Vec<SecretString>,
}

/// An attempt at an endpoint.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Its row.
    pub id: Uuid,
    /// What it answered.
    pub status: Option<u16>,
    /// What went wrong, in words.
    pub error: Option<String>,
    /// How long it took.
    pub duration_ms: i32,
    /// How long it asks to wait.
    pub retry_after_seconds: Option<i32>,
}

/// What follows from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It arrived.
    Delivered,
    /// This event was refused as such; the next may go.
    Passed,
    /// The endpoint does not work: everything waits.
    Stopped,
    /// The endpoint is switched off, or gone.
    Disabled,
}

impl Store {
    /// Takes the oldest events that the bus lacks. Without a bus none are kept for it.
    ///
    /// # Errors
    /// When they cannot be taken.
    pub async fn claim_bus_events(&self, bus: Option<&str>, limit: i32) -> Result<Vec<DueForBus>, Error> {
        let rows = self
            .rows(CLAIM_BUS_EVENTS, &[(&bus, Type::TEXT), (&limit, Type::INT4)])
            .await?;
        let read = |row: &tokio_postgres::Row| DueForBus {
            id: row.get(0),
            kind: row.get(1),
            occurred_at: row.get(2),
            document: row.get(3),
        };
        Ok(rows.iter().map(read).collect())
    }

    /// Notes what the bus took, and what it refused: `[{"id": …, "error": …}]`.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn finish_bus_events(&self, sent: &[Uuid], refused: &Value) -> Result<(), Error> {
        let parameters = [(&sent as _, Type::UUID_ARRAY), (refused as _, Type::JSONB)];
        self.rows(FINISH_BUS_EVENTS, &parameters).await.map(|_| ())
    }

    /// Leases endpoints with something to deliver.
    ///
    /// # Errors
    /// When they cannot be taken.
    pub async fn claim_endpoints(
        &self,
        lease: Uuid,
        limit: i32,
        seconds: i32,
    ) -> Result<Vec<DueEndpoint>, Error> {
        let parameters = [
            (&lease as _, Type::UUID),
            (&limit as _, Type::INT4),
            (&seconds as _, Type::INT4),
        ];
        let rows = self.rows(CLAIM_ENDPOINTS, &parameters).await?;
        let read = |row: &tokio_postgres::Row| DueEndpoint {
            id: row.get(0),
            workspace_id: row.get(1),
            url: row.get(2),
            secrets: [Some(row.get::<_, String>(3)), row.get(4)]
                .into_iter()
                .flatten()
                .map(SecretString::from)
                .collect(),
        };
        Ok(rows.iter().map(read).collect())
    }

    /// The next events of an endpoint, in their order.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn due_deliveries(
        &self,
        endpoint: &DueEndpoint,
        lease: Uuid,
        limit: i32,
    ) -> Result<Vec<(Uuid, Value)>, Error> {
        let parameters = [
            (&endpoint.workspace_id as _, Type::UUID),
            (&endpoint.id as _, Type::UUID),
            (&lease as _, Type::UUID),
            (&limit as _, Type::INT4),
        ];
        let rows = self.rows(DUE_DELIVERIES, &parameters).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Keeps an attempt, and says what follows from it.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn record_attempt(
        &self,
        endpoint: &DueEndpoint,
        event: Uuid,
        attempt: &Attempt,
    ) -> Result<Next, Error> {
        let status = attempt.status.map(i32::from);
        let parameters = [
            (&attempt.id as _, Type::UUID),
            (&endpoint.workspace_id as _, Type::UUID),
            (&endpoint.id as _, Type::UUID),
            (&event as _, Type::UUID),
            (&status as _, Type::INT4),
            (&attempt.error as _, Type::TEXT),
            (&attempt.duration_ms as _, Type::INT4),
            (&attempt.retry_after_seconds as _, Type::INT4),
        ];
        match self.row(RECORD_ATTEMPT, &parameters).await?.get(0) {
            "delivered" => Ok(Next::Delivered),
            "passed" => Ok(Next::Passed),
            "stopped" => Ok(Next::Stopped),
            "disabled" => Ok(Next::Disabled),
            _ => Err(Error::Inconsistent("an unknown outcome of an attempt")),
        }
    }

    /// Gives an endpoint back.
    ///
    /// # Errors
    /// When it is not stored; the lease ends by itself.
    pub async fn release_endpoint(&self, endpoint: &DueEndpoint, lease: Uuid) -> Result<(), Error> {
        let parameters = [
            (&endpoint.workspace_id as _, Type::UUID),
            (&endpoint.id as _, Type::UUID),
            (&lease as _, Type::UUID),
        ];
        self.rows(RELEASE_ENDPOINT, &parameters).await.map(|_| ())
    }

    /// Forgets some events older than so many days; gives how many.
    ///
    /// # Errors
    /// When they cannot be deleted.
    pub async fn purge_events(&self, days: i32, limit: i32) -> Result<i64, Error> {
        let parameters = [(&days as _, Type::INT4), (&limit as _, Type::INT4)];
        Ok(self.row(PURGE_EVENTS, &parameters).await?.get(0))
    }
}
