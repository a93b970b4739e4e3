//! Why a stack does not start, or does not end well.

use common::config::StartError;
use std::io;

/// Read by a person in a terminal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else listens there.
    #[error(
        "port {port}, meant for {part}, is taken: end what listens there (another `cargo dev`?), or choose other ports: \
         `cargo dev --port N` uses N to N+3"
    )]
    PortTaken {
        /// Which.
        port: u16,
        /// For what.
        part: &'static str,
    },
    /// The system does not let us listen.
    #[error("{part} cannot listen on 127.0.0.1:{port}: {source}")]
    Listen {
        /// Which.
        port: u16,
        /// For what.
        part: &'static str,
        /// Why.
        source: io::Error,
    },
    /// No Postgres.
    #[error(transparent)]
    Testkit(#[from] testkit::Error),
    /// Postgres refused.
    #[error("the database refused: {0}")]
    Database(#[from] tokio_postgres::Error),
    /// The migrations did not run.
    #[error("the migrations did not run: {0}")]
    Migration(String),
    /// A function did not start.
    #[error("{function} does not start: {source}")]
    Function {
        /// Which.
        function: &'static str,
        /// Why.
        source: StartError,
    },
    /// A run of the reconciler did not come to its end.
    #[error("the reconciler did not run: {0}")]
    Run(String),
}

impl Error {
    pub(super) fn listen(port: u16, part: &'static str, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::AddrInUse {
            Self::PortTaken { port, part }
        } else {
            Self::Listen { port, part, source }
        }
    }
}
