//! One run: its time, and what it did.

use common::signalwire::Error as Carrier;
use common::store;
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

/// Below the function's timeout (300 s), so that a run ends itself and says what it did. The last thing that it begins in time, a
/// request or a statement, may take a while longer.
pub const RUN_MAX: Duration = Duration::from_secs(240);

/// What a run counts, and until when it may go on.
pub struct Run {
    begun: Instant,
    most: Duration,
    part_ends: Instant,
    counts: Map<String, Value>,
    problems: Vec<String>,
    is_cut_short: bool,
    is_refused: bool,
    resume: Option<String>,
}

impl Run {
    /// A run that begins now and lasts so long at most.
    pub fn begin(most: Duration) -> Self {
        let begun = Instant::now();
        Self {
            begun,
            most,
            part_ends: begun + most,
            counts: Map::new(),
            problems: Vec::new(),
            is_cut_short: false,
            is_refused: false,
            resume: None,
        }
    }

    /// The next part may go on until so many percent of the run's time are over: however long one takes, the others get their turn.
    pub fn begin_part(&mut self, percent: u32) {
        self.part_ends = self.begun + self.most * percent / 100;
    }

    /// Whether there is time for more. Where there is not, what is left waits for the next run.
    pub fn has_time(&mut self) -> bool {
        let has_time = Instant::now() < self.part_ends;
        self.is_cut_short |= !has_time;
        has_time
    }

    /// Counts something.
    pub fn count(&mut self, what: &str, by: usize) {
        let before = self.counts.get(what).and_then(Value::as_u64).unwrap_or(0);
        self.counts.insert(what.to_owned(), json!(before + by as u64));
    }

    /// Notes that a part could not be done; the others go on.
    pub fn problem(&mut self, part: &str, error: &dyn std::fmt::Display) {
        tracing::warn!(part, %error, "Reconciliation incomplete");
        if self.problems.len() < 20 {
            self.problems.push(format!("{part}: {error}"));
        }
    }

    /// The carrier failed us. Refused credentials are no problem yet: there may be newer ones.
    pub fn carrier_problem(&mut self, part: &str, error: &Carrier) {
        if matches!(error, Carrier::Unauthorized { .. }) {
            self.is_refused = true;
        } else {
            self.problem(part, error);
        }
    }

    /// The database did. Refused credentials are no problem yet: there may be newer ones.
    pub fn store_problem(&mut self, part: &str, error: &store::Error) {
        if matches!(error, store::Error::Credentials(_)) {
            self.is_refused = true;
        } else {
            self.problem(part, error);
        }
    }

    /// Notes that credentials were refused.
    pub fn refused(&mut self) {
        self.is_refused = true;
    }

    /// Whether credentials were refused since this was asked last.
    pub fn take_refused(&mut self) -> bool {
        std::mem::take(&mut self.is_refused)
    }

    /// Where the next run goes on with the comparison of messages.
    pub fn resume_at(&mut self, page: Option<String>) {
        self.resume = page;
    }

    /// Where the last run left the comparison.
    pub fn take_resume(&mut self) -> Option<String> {
        self.resume.take()
    }

    /// The report.
    pub fn report(&self) -> Value {
        let mut report = json!({
            "counts": self.counts, "problems": self.problems,
            "complete": !self.is_cut_short && self.resume.is_none() && self.problems.is_empty(),
        });
        if let Some(page) = &self.resume {
            report["resume"] = json!(page);
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_problems() {
        let mut run = Run::begin(RUN_MAX);
        run.count("orders", 2);
        run.count("orders", 1);
        assert_eq!(
            run.report(),
            json!({ "counts": { "orders": 3 }, "problems": [], "complete": true })
        );
        run.problem("numbers", &"away");
        assert_eq!(run.report()["problems"], json!(["numbers: away"]));
        assert_eq!(run.report()["complete"], false);
    }

    #[test]
    fn a_part_without_time_leaves_the_run_incomplete() {
        let mut run = Run::begin(RUN_MAX);
        assert!(run.has_time());
        run.begin_part(0);
        assert!(!run.has_time());
        run.begin_part(100);
        assert!(run.has_time());
        assert_eq!(run.report()["complete"], false);
    }

    #[test]
    fn refused_credentials_are_told_once_and_are_no_problem_by_themselves() {
        let mut run = Run::begin(RUN_MAX);
        run.carrier_problem("messages", &Carrier::Unauthorized { status: 401 });
        assert_eq!((run.take_refused(), run.take_refused()), (true, false));
        run.store_problem("messages", &store::Error::Credentials("28P01".to_owned()));
        assert!(run.take_refused());
        assert_eq!(run.report()["problems"], json!([]));
    }
}
