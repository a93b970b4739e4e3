//! Postgres. Every operation is one statement in one round trip; the statements are files in `sql/`, each a call of a database
//! function that the migrations define, and a test prepares every one of them against the migrated schema.
//!
//! [`Store::rows`] is the only way to the server. It sends unnamed, typed statements, which work behind a transaction pooler,
//! and mends what a sleeping Lambda wakes up with: a dead connection costs one new one inside the request.

pub mod api;
mod calls;
mod connect;
mod consent;
mod error;
mod inbound;
mod keys;
mod limits;
mod outbound;
mod outbox;
mod preview;
mod provisioning;
mod reconcile;
mod reports;
mod retention;

pub use api::{ApiAnswer, ApiStatement};
pub use calls::{CallRoute, CallScript, DialOutcome};
pub use connect::{DatabaseUrl, Tls};
pub use consent::{ConsentChange, ManualConsent};
pub use error::Error;
pub use inbound::{Outcome, Recorded};
pub use keys::{ApiKey, NewApiKey};
pub use limits::{BlockedPrefix, RefusalCount};
pub use outbound::{Begin, Finish, Held, NewAttempt, NewMessage};
pub use outbox::{Attempt, DueEndpoint, DueForBus, Next};
pub use preview::{DueOrder, DueRelease, OpenGroup};
pub use provisioning::{Chosen, Configured, Order, ReleaseJob, WorkspaceChange};
pub use reconcile::{Adoption, NumberFinding, OpenMessage};
pub use retention::{Redaction, Retention};

use crate::config::{ConfigError, Settings};
use deadpool_postgres::Pool;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

/// How long a statement may take on a connection that was idle before it is given up for a new one. A statement takes below a
/// millisecond; a connection that a frozen function woke up with says nothing at all.
const IDLE_CONNECTION_MAX: Duration = Duration::from_millis(1200);

/// A restart of Postgres takes a second or a few; who has nowhere else to put his work waits that long, if his budget allows.
const RESTART_MAX: Duration = Duration::from_secs(7);

/// The first pause of those who wait for a restart; each further one is twice as long, up to a second.
const PAUSE: Duration = Duration::from_millis(100);

/// A parameter and its type, which spares the server's answer to the question.
pub type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// The database. Connects at the first statement.
pub struct Store {
    pool: Pool,
    budget: Duration,
    is_patient: bool,
}

impl Store {
    /// Reads `DATABASE_URL` and `DATABASE_CA`. `budget` is the time that one statement may take, connections and a second try
    /// included; for a webhook that is what the carrier's 5 seconds leave.
    ///
    /// # Errors
    /// A missing or malformed setting.
    pub fn from_settings(settings: &Settings, budget: Duration) -> Result<Self, ConfigError> {
        let url = DatabaseUrl::from_settings(settings, "DATABASE_URL")?;
        Ok(Self {
            pool: url.pool(budget),
            budget,
            is_patient: false,
        })
    }

    /// Comes again while Postgres restarts. Not for webhooks: they have a spool, and a carrier that waits.
    #[must_use]
    pub fn patient(self) -> Self {
        Self {
            is_patient: true,
            ..self
        }
    }

    /// Runs a statement and gives its rows. It may run again, when an answer was lost: every statement here has one effect
    /// however often it runs.
    async fn rows(&self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Error> {
        let begun = Instant::now();
        let deadline = begun + self.budget;
        let mut result = match self
            .attempt(
                sql,
                parameters,
                deadline.min(Instant::now() + IDLE_CONNECTION_MAX.min(self.budget / 2)),
                deadline,
            )
            .await
        {
            Err(error) if error.is_worth_a_second_try() => {
                tracing::debug!(error = %error, "Database connection replaced");
                self.pool.retain(|_, _| false);
                self.attempt(sql, parameters, deadline, deadline).await
            }
            result => result,
        };
        let mut pause = PAUSE;
        while self.is_patient
            && result.as_ref().is_err_and(Error::is_worth_a_second_try)
            && Instant::now() + pause < deadline.min(begun + RESTART_MAX)
        {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
            result = self.attempt(sql, parameters, deadline, deadline).await;
        }
        result
    }

    async fn attempt(
        &self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
        idle_deadline: Instant,
        deadline: Instant,
    ) -> Result<Vec<Row>, Error> {
        let was_idle = self.pool.status().available > 0;
        let client = timeout_at(deadline, self.pool.get())
            .await
            .map_err(|_| Error::Timeout)??;
        let deadline = if was_idle { idle_deadline } else { deadline };
        match timeout_at(deadline, client.query_typed(sql, parameters)).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) => {
                if error.as_db_error().is_none() {
                    drop(deadpool_postgres::Object::take(client));
                }
                Err(error.into())
            }
            Err(_) => {
                // the statement is still under way on this connection: nobody else may get it
                drop(deadpool_postgres::Object::take(client));
                Err(Error::Timeout)
            }
        }
    }

    /// The same for a statement that gives exactly one row.
    async fn row(&self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<Row, Error> {
        let mut rows = self.rows(sql, parameters).await?;
        match (rows.pop(), rows.is_empty()) {
            (Some(row), true) => Ok(row),
            _ => Err(Error::Inconsistent("a statement gave not exactly one row")),
        }
    }
}

/// Every statement, for the test that prepares them.
#[doc(hidden)]
pub const STATEMENTS: &[&str] = &joined::<{ OTHERS.len() + api::ALL.len() }>(OTHERS, api::ALL);

const fn joined<const N: usize>(
    one: &'static [&'static str],
    other: &'static [&'static str],
) -> [&'static str; N] {
    let mut all = [""; N];
    let mut index = 0;
    while index < N {
        all[index] = if index < one.len() {
            one[index]
        } else {
            other[index - one.len()]
        };
        index += 1;
    }
    all
}

/// But for those of the workspace API.
const OTHERS: &[&str] = &[
    calls::RECORD_INBOUND_CALL,
    calls::RECORD_DIAL_RESULT,
    calls::FIND_CALL_SCRIPT,
    consent::CHANGE_CONSENT,
    consent::CONSENT_HISTORY,
    inbound::RECORD_INBOUND_MESSAGE,
    keys::CREATE_API_KEY,
    keys::LIST_API_KEYS,
    keys::REVOKE_API_KEY,
    limits::SET_LIMITS,
    limits::SHOW_LIMITS,
    limits::LIST_BLOCKED_PREFIXES,
    limits::BLOCK_PREFIX,
    limits::UNBLOCK_PREFIX,
    limits::LIST_REFUSALS,
    outbound::BEGIN_OUTBOUND,
    outbound::BEGIN_RESEND,
    outbound::FINISH_OUTBOUND,
    outbound::MAY_STILL_SEND,
    outbound::RELEASE_HELD,
    outbound::HOLD_AGAIN,
    outbox::CLAIM_BUS_EVENTS,
    outbox::FINISH_BUS_EVENTS,
    outbox::CLAIM_ENDPOINTS,
    outbox::DUE_DELIVERIES,
    outbox::RECORD_ATTEMPT,
    outbox::RELEASE_ENDPOINT,
    outbox::PURGE_EVENTS,
    preview::PREVIEW_OPEN_MESSAGES,
    preview::PREVIEW_MESSAGES,
    preview::PREVIEW_ORPHAN,
    preview::PREVIEW_ORDERS,
    preview::PREVIEW_RELEASES,
    preview::PREVIEW_HELD,
    provisioning::APPLY_WORKSPACE_EVENT,
    provisioning::REQUEST_NUMBER,
    provisioning::RETRY_ORDER,
    provisioning::REQUEST_RELEASE,
    provisioning::LEASE_ORDER,
    provisioning::SAVE_ORDER,
    provisioning::CHOOSE_NUMBER,
    provisioning::TAKE_SPARE,
    provisioning::REFUSE_SPARE,
    provisioning::RECORD_PURCHASE,
    provisioning::FIND_RELEASE,
    provisioning::SAVE_RELEASE,
    provisioning::RECORD_CAMPAIGN_ORDER,
    provisioning::RECORD_READINESS,
    provisioning::PARK_EVENT,
    retention::SET_RETENTION,
    retention::SHOW_RETENTION,
    retention::CLAIM_REDACTIONS,
    retention::FINISH_REDACTION,
    reconcile::CLAIM_OPEN_MESSAGES,
    reconcile::SETTLE_UNKNOWN,
    reconcile::SETTLE_NEVER_SENT,
    reconcile::RECONCILE_MESSAGES,
    reconcile::RECONCILE_CALLS,
    reconcile::RECORD_REPLY_CHARGES,
    reconcile::COMPARE_NUMBERS,
    reconcile::ADOPT_ORPHAN,
    reconcile::MARK_GHOST,
    reconcile::KEEP_SPARE,
    reconcile::RELEASE_SPARE,
    reconcile::DUE_ORDERS,
    reconcile::DUE_RELEASES,
    reconcile::PENDING_READINESS,
    reconcile::LIFT_REFUSALS,
    reconcile::BEGIN_RUN,
    reconcile::FINISH_RUN,
    reconcile::PLATFORM_FIGURES,
    reports::RECORD_REPORT,
];
