//! What can go wrong while a part is found, fetched, started or used.

use std::io;

/// An error of this crate. Every one is read by a person in a terminal, so each says what to do or what was tried.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something that has to be installed is not there.
    #[error("{0}")]
    Missing(String),
    /// A program or server did not do what was asked of it; the text carries the end of its log.
    #[error("{0}")]
    Failed(String),
    /// The server belongs to somebody else, so it cannot be stopped or changed from here.
    #[error("the server of DATABASE_URL is not ours to {0}; ask for a private one")]
    NotOurs(&'static str),
    /// The operating system refused.
    #[error("{what}")]
    Io {
        /// What was attempted.
        what: String,
        /// The refusal.
        #[source]
        source: io::Error,
    },
    /// Postgres refused.
    #[error("postgres: {0}{detail}", detail = database_detail(.0))]
    Database(#[from] tokio_postgres::Error),
}

impl Error {
    /// For `map_err`: names what was attempted beside the operating system's refusal.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io {
            what: format!("{what}: {source}"),
            source,
        }
    }
}

/// `tokio_postgres` prints "db error" and keeps the server's words in the source.
fn database_detail(error: &tokio_postgres::Error) -> String {
    error
        .as_db_error()
        .map(|db| format!(": {} ({})", db.message(), db.code().code()))
        .unwrap_or_default()
}
