//! The built functions, as Lambda runs them: how they start, what they answer to each file of `events/`, what they log, how they end.
#![allow(clippy::unwrap_used, reason = "a test may stop where it is")]

mod events;
mod life;
mod logs;
mod settings;
mod world;

use faults::Programs;
use std::sync::OnceLock;

/// Built once for all tests, in the profile of the tests.
fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| Programs::build(!cfg!(debug_assertions)).expect("the functions build"))
}
