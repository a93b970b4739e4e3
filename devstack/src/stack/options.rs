//! How a stack is started.

use std::sync::Arc;
use std::time::Duration;

use testkit::postgres::TestDatabase;

/// Told what goes on, a line at a time.
pub type Observer = Arc<dyn Fn(&str) + Send + Sync>;

/// Where the rows are kept.
#[derive(Debug, Clone, Default)]
pub enum Database {
    /// A server of the stack's own, which waits for the disk as production does, or a new database on the server of
    /// `DATABASE_URL`.
    #[default]
    Own,
    /// A database that somebody else made; it is migrated, and stays.
    Given {
        /// As its owner connects, who runs the migrations; functions connect as [`crate::access::Access`] says.
        url: String,
        /// As somebody connects who may see every row.
        inspection_url: String,
    },
}

impl Database {
    /// A test's own database.
    pub fn of(database: &TestDatabase) -> Self {
        Self::Given {
            url: database.url().to_owned(),
            inspection_url: database.superuser_url().to_owned(),
        }
    }
}

/// Where the servers listen, all on loopback.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ports {
    /// The gateway; 0 picks a free one, as for the others.
    pub gateway: u16,
    /// The carrier.
    pub simulator: u16,
    /// The queue.
    pub queue: u16,
    /// The issuer of bearer tokens.
    pub issuer: u16,
}

impl Ports {
    /// Four in a row; `None` when there are not so many.
    pub fn from(first: u16) -> Option<Self> {
        Some(Self {
            gateway: first,
            simulator: first.checked_add(1)?,
            queue: first.checked_add(2)?,
            issuer: first.checked_add(3)?,
        })
    }
}

/// `WEBHOOK_SIGNATURES`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Signatures {
    /// As in production.
    #[default]
    Required,
    /// So that a person can play the carrier with curl.
    Off,
}

impl Signatures {
    /// The setting's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Off => "off",
        }
    }
}

/// How a stack is started; `Default` is what a test wants, but for the database.
#[derive(Clone)]
pub struct Options {
    /// Where the rows are kept.
    pub database: Database,
    /// Where the servers listen.
    pub ports: Ports,
    /// Whether webhooks have to be signed.
    pub signatures: Signatures,
    /// Everything that is delivered comes twice: the carrier's webhooks one after the other, the queue's messages at once.
    pub deliver_twice: bool,
    /// How long the queue waits before it delivers a failed message again; twice as long every time.
    pub redelivery_delay: Duration,
    /// Told how the start gets on.
    pub progress: Option<Observer>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            database: Database::default(),
            ports: Ports::default(),
            signatures: Signatures::default(),
            deliver_twice: false,
            redelivery_delay: Duration::from_millis(250),
            progress: None,
        }
    }
}

impl Options {
    /// On a test's own database.
    pub fn on(database: &TestDatabase) -> Self {
        Self {
            database: Database::of(database),
            ..Self::default()
        }
    }

    pub(super) fn say(&self, line: &str) {
        if let Some(progress) = &self.progress {
            progress(line);
        }
    }
}
