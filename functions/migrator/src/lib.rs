//! Runs the migrations.
//!
//! Trigger: invoked by the deploy before traffic moves, with any payload. Effect: every migration that the database has not seen
//! runs, in order, each in its transaction, under an advisory lock, so that two deploys at once follow each other. Answer:
//! `{"applied": ["V0001__…"], "version": 9}`; a second run applies nothing.

use common::config::{ConfigError, Settings};
use common::store::{DatabaseUrl, Tls};
use serde_json::{Value, json};
use std::time::Duration;
use tokio_postgres::{Client, Config};

#[allow(missing_docs, reason = "generated")]
mod embedded {
    refinery::embed_migrations!("../../migrations");
}

/// Any number that nobody else uses.
const LOCK: i64 = 0x5269_6e67_7370;

/// How long another run is waited for.
const LOCK_SECONDS_MAX: u64 = 240;

/// Why the migrations did not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No connection, or a statement that the server refused.
    #[error("the database refused: {}", describe(.0))]
    Database(#[from] tokio_postgres::Error),
    /// A migration failed; its transaction is undone, those before it stand.
    #[error("a migration failed: {0}")]
    Migration(String),
    /// Another run holds the lock.
    #[error("another run has held the migration lock for {LOCK_SECONDS_MAX} s")]
    Locked,
}

fn describe(error: &tokio_postgres::Error) -> String {
    // a connection error's text names the host; a server's may quote the row that it could not keep
    error.as_db_error().map_or_else(
        || error.to_string(),
        |db| {
            let on = [db.table(), db.column(), db.constraint()].into_iter().flatten();
            // only what concerns statements and names (class 42, P0) is free of rows
            let is_about_names = ["42", "P0"]
                .iter()
                .any(|class| db.code().code().starts_with(class));
            let words = if is_about_names { db.message() } else { "" };
            let parts = std::iter::once(db.code().code())
                .chain([words].into_iter().filter(|words| !words.is_empty()));
            parts.chain(on).collect::<Vec<_>>().join(" ")
        },
    )
}

/// The database to migrate: `MIGRATION_DATABASE_URL`, else `DATABASE_URL`.
pub struct Migrator {
    config: Config,
    tls: Tls,
}

impl Migrator {
    /// Reads the settings.
    ///
    /// # Errors
    /// Missing or malformed.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let name = if settings.optional("MIGRATION_DATABASE_URL").is_some() {
            "MIGRATION_DATABASE_URL"
        } else {
            "DATABASE_URL"
        };
        let url = DatabaseUrl::from_settings(settings, name)?;
        let mut config = url.config().clone();
        config
            .application_name("ringspace-migrator")
            .connect_timeout(Duration::from_secs(10));
        Ok(Self {
            config,
            tls: url.tls(),
        })
    }

    /// Runs what has not run, and says what did.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn run(&self) -> Result<Value, Error> {
        let (mut client, connection) = self.config.connect(self.tls.clone()).await?;
        let driver = tokio::spawn(connection);
        let result = migrate(&mut client).await;
        drop(client); // gives the lock back, whatever happened
        let _ = driver.await;
        result
    }
}

/// The version that a migrated database has.
pub fn latest() -> Option<i64> {
    let migrations = embedded::migrations::runner();
    let versions = migrations
        .get_migrations()
        .iter()
        .map(refinery::Migration::version);
    versions.max().map(i64::from)
}

async fn migrate(client: &mut Client) -> Result<Value, Error> {
    let locked = client.query_one("select pg_advisory_lock($1)", &[&LOCK]);
    tokio::time::timeout(Duration::from_secs(LOCK_SECONDS_MAX), locked)
        .await
        .map_err(|_| Error::Locked)??;
    // the chain of causes says which migration and why
    let report = embedded::migrations::runner()
        // after a rollback the schema is newer than the code, which is as it should be
        .set_abort_missing(false)
        .run_async(client)
        .await
        .map_err(|error| {
            // not its own text: the server's details quote rows
            Error::Migration(match error.kind() {
                refinery::error::Kind::Connection(what, cause) => {
                    let why = cause.downcast_ref().map_or_else(|| cause.to_string(), describe);
                    format!("{what}: {why}")
                }
                kind => kind.to_string(),
            })
        })?;
    let applied: Vec<String> = report
        .applied_migrations()
        .iter()
        .map(ToString::to_string)
        .collect();
    let version = latest();
    tracing::info!(applied = applied.len(), version, "Migrations run");
    Ok(json!({ "applied": applied, "version": version }))
}
