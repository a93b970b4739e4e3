//! Why the story ends early.

use std::fmt;

use crate::stack;

/// What was expected and what came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The step's number and title.
    pub step: String,
    /// What was looked at.
    pub what: String,
    /// What it should have been.
    pub expected: String,
    /// What it was.
    pub came: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            step,
            what,
            expected,
            came,
        } = self;
        write!(
            f,
            "step {step}: {what}\n    expected  {expected}\n    came      {came}"
        )
    }
}

impl std::error::Error for Failed {}

/// Something that ends the story before a step could say what it expected.
#[derive(Debug)]
pub struct Broken(pub String);

impl From<tokio_postgres::Error> for Broken {
    fn from(error: tokio_postgres::Error) -> Self {
        let words = error
            .as_db_error()
            .map_or_else(|| error.to_string(), |db| db.message().to_owned());
        Self(format!("the database refused: {words}"))
    }
}

impl From<stack::Error> for Broken {
    fn from(error: stack::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<String> for Broken {
    fn from(error: String) -> Self {
        Self(error)
    }
}
