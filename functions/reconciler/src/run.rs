//! One run: its time, and what it did.

use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

/// Below the function's timeout (300 s), so that a run ends itself and says what it did.
const RUN_MAX: Duration = Duration::from_secs(240);

/// What a run counts, and until when it may go on.
pub struct Run {
    ends: Instant,
    counts: Map<String, Value>,
    problems: Vec<String>,
}

impl Run {
    /// A run that begins now.
    pub fn begin() -> Self {
        Self {
            ends: Instant::now() + RUN_MAX,
            counts: Map::new(),
            problems: Vec::new(),
        }
    }

    /// Whether there is time for more.
    pub fn has_time(&self) -> bool {
        Instant::now() < self.ends
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

    /// The report.
    pub fn report(&self) -> Value {
        json!({ "counts": self.counts, "problems": self.problems, "complete": self.has_time() && self.problems.is_empty() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_problems() {
        let mut run = Run::begin();
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
}
