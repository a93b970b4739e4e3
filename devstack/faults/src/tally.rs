//! What a run counts, and what it found wrong.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter, Result};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Every answer of a webhook has to leave within this time (spec I6).
pub const ANSWER_MAX: Duration = Duration::from_millis(4500);

#[derive(Debug, Default)]
struct Figures {
    counts: BTreeMap<String, u64>,
    slowest: Option<(Duration, String)>,
    heaviest: Option<(u64, String)>,
    violations: Vec<String>,
}

/// Counts, the slowest answer, violations. Suites share one and go on after a violation.
#[derive(Debug)]
pub struct Tally {
    figures: Mutex<Figures>,
    begun: Instant,
    is_aloud: bool,
}

impl Tally {
    /// An empty one; `is_aloud` says on stderr what is going on.
    pub fn new(is_aloud: bool) -> Self {
        Self {
            figures: Mutex::default(),
            begun: Instant::now(),
            is_aloud,
        }
    }

    fn figures(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds to a count; 0 makes it appear.
    pub fn count(&self, what: &str, by: usize) {
        *self.figures().counts.entry(what.to_owned()).or_default() += by as u64;
    }

    /// A count so far.
    pub fn counted(&self, what: &str) -> u64 {
        self.figures().counts.get(what).copied().unwrap_or(0)
    }

    /// A webhook's answer took so long, which may be too long.
    pub fn answered(&self, what: &str, took: Duration) {
        self.expect(took <= ANSWER_MAX, || format!("{what}: answered after {took:?}"));
        let mut figures = self.figures();
        if figures
            .slowest
            .as_ref()
            .is_none_or(|(slowest, _)| took > *slowest)
        {
            figures.slowest = Some((took, what.to_owned()));
        }
    }

    /// A function was so large, in KiB.
    pub fn heaviest(&self, what: &str, kib: u64) {
        let mut figures = self.figures();
        if figures.heaviest.as_ref().is_none_or(|(most, _)| kib > *most) {
            figures.heaviest = Some((kib, what.to_owned()));
        }
    }

    /// Something that must not be.
    pub fn violation(&self, what: impl Into<String>) {
        let what = what.into();
        if self.is_aloud {
            eprintln!("  VIOLATION: {what}");
        }
        self.figures().violations.push(what);
    }

    /// Notes a violation unless the condition holds.
    pub fn expect(&self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.violation(otherwise());
        }
    }

    /// A sign of life.
    pub fn say(&self, what: impl Display) {
        if self.is_aloud {
            eprintln!("[{:>4} s] {what}", self.begun.elapsed().as_secs());
        }
    }

    /// What must not be and was.
    pub fn violations(&self) -> Vec<String> {
        self.figures().violations.clone()
    }

    /// The slowest answer of a webhook, and under which fault.
    pub fn slowest(&self) -> Option<(Duration, String)> {
        self.figures().slowest.clone()
    }
}

impl Display for Tally {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let figures = self.figures();
        for (what, count) in &figures.counts {
            writeln!(f, "{what:<58}{count:>9}")?;
        }
        if let Some((took, what)) = &figures.slowest {
            let verdict = if *took <= ANSWER_MAX { "" } else { "  TOO SLOW" };
            writeln!(
                f,
                "{:<58}{:>6} ms{verdict}  ({what})",
                "slowest answer of a webhook",
                took.as_millis()
            )?;
        }
        if let Some((kib, what)) = &figures.heaviest {
            writeln!(
                f,
                "{:<58}{kib:>5} KiB  ({what})",
                "largest function behind a faulty carrier"
            )?;
        }
        writeln!(f, "{:<58}{:>7} s", "time", self.begun.elapsed().as_secs())?;
        write!(f, "{:<58}{:>9}", "violations", figures.violations.len())
    }
}
