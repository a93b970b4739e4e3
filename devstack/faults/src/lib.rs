//! The fault laboratory: the built functions under every failure that can be enumerated, and a checker that compares the carrier's
//! ledger with the database afterwards.
//!
//! The functions run as processes under a Lambda Runtime API, Postgres and SQS stand behind proxies that cut, delay and swallow,
//! the carrier is the simulator. `docs/RELIABILITY.md` has the matrix. `cargo xtask faults` runs everything;
//! `cargo test -p faults` a quick part.

pub mod check;
pub mod gate;
pub mod lab;
pub mod programs;
pub mod suites;
pub mod tally;

pub use programs::Programs;
pub use suites::{Scale, Suite, run};
pub use tally::Tally;

/// The laboratory itself does not work: no finding about the functions.
pub type Broken = Box<dyn std::error::Error + Send + Sync>;
