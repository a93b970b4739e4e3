//! How a statement can fail. Messages carry codes and names of constraints only: the server's own words quote values.

use tokio_postgres::error::SqlState;

/// A failed statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No connection, or it broke.
    #[error("the database cannot be reached ({0})")]
    Unreachable(String),
    /// No answer within the time budget.
    #[error("the database did not answer in time")]
    Timeout,
    /// The user or password was refused.
    #[error("the database refuses our credentials ({0})")]
    Credentials(String),
    /// The server refused the statement.
    #[error("the database refused a statement ({code}{})", constraint.as_ref().map(|name| format!(", {name}")).unwrap_or_default())]
    Statement {
        /// SQLSTATE.
        code: String,
        /// The constraint that it would have broken.
        constraint: Option<String>,
    },
    /// A row that the schema should have made impossible.
    #[error("the database holds what it should not: {0}")]
    Inconsistent(&'static str),
}

impl Error {
    /// Whether another connection, or another moment, may cure it within this request.
    pub(super) fn is_worth_a_second_try(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Timeout => true,
            Self::Statement { code, .. } => {
                // connection exceptions, serialization failure, deadlock, server starting or stopping, too many connections
                code.starts_with("08")
                    || ["40001", "40P01", "57P01", "57P02", "57P03", "53300"].contains(&code.as_str())
            }
            Self::Credentials(_) | Self::Inconsistent(_) => false,
        }
    }

    /// Whether waiting may cure it: the caller keeps what it has and comes again.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Timeout | Self::Credentials(_) => true,
            // insufficient resources, operator intervention, system errors; a read-only standby after a failover
            Self::Statement { code, .. } => {
                self.is_worth_a_second_try()
                    || ["53", "57", "58", "XX"]
                        .iter()
                        .any(|class| code.starts_with(class))
                    || code == "25006"
                    || code == "55P03"
            }
            Self::Inconsistent(_) => false,
        }
    }

    /// SQLSTATE, where the server spoke.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Statement { code, .. } | Self::Credentials(code) => Some(code),
            _ => None,
        }
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            let closed = if error.is_closed() {
                "connection closed"
            } else {
                "connection failed"
            };
            return Self::Unreachable(closed.to_owned());
        };
        let code = db.code().code().to_owned();
        if *db.code() == SqlState::INVALID_PASSWORD
            || *db.code() == SqlState::INVALID_AUTHORIZATION_SPECIFICATION
        {
            Self::Credentials(code)
        } else {
            Self::Statement {
                code,
                constraint: db.constraint().map(str::to_owned),
            }
        }
    }
}

impl From<deadpool_postgres::PoolError> for Error {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(error) => error.into(),
            deadpool_postgres::PoolError::Timeout(_) => Self::Timeout,
            _ => Self::Unreachable("no connection in the pool".to_owned()),
        }
    }
}
