//! The table that a run ends with.

/// One line of it.
#[derive(Debug)]
pub struct Line {
    what: String,
    goal: String,
    measured: String,
    yardstick: String,
    verdict: &'static str,
}

/// All lines so far.
#[derive(Debug, Default)]
pub struct Report(Vec<Line>);

impl Report {
    /// A line with a goal.
    pub fn goal(
        &mut self,
        what: &str,
        goal: &str,
        measured: impl ToString,
        yardstick: impl ToString,
        met: bool,
    ) {
        self.push(
            what,
            goal,
            measured.to_string(),
            yardstick.to_string(),
            if met { "met" } else { "missed" },
        );
    }

    /// A line that explains another.
    pub fn note(&mut self, what: &str, measured: impl ToString, yardstick: impl ToString) {
        self.push(what, "", measured.to_string(), yardstick.to_string(), "");
    }

    fn push(&mut self, what: &str, goal: &str, measured: String, yardstick: String, verdict: &'static str) {
        println!(
            "  {what}: {measured}{}{yardstick} {verdict}",
            if yardstick.is_empty() { "" } else { " beside " }
        );
        self.0.push(Line {
            what: what.to_owned(),
            goal: goal.to_owned(),
            measured,
            yardstick,
            verdict,
        });
    }

    /// The table, in Markdown.
    pub fn to_markdown(&self) -> String {
        let mut rows = vec![
            ["what", "goal", "measured", "yardstick", "verdict"].map(str::to_owned),
            ["---"; 5].map(str::to_owned),
        ];
        rows.extend(self.0.iter().map(|line| {
            [
                &line.what,
                &line.goal,
                &line.measured,
                &line.yardstick,
                line.verdict,
            ]
            .map(str::to_owned)
        }));
        rows.iter()
            .map(|cells| format!("| {} |\n", cells.join(" | ")))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_goal_says_so() {
        let mut report = Report::default();
        report.goal("size", "3 MB", "4 MB", "", false);
        assert_eq!(
            report.to_markdown(),
            "| what | goal | measured | yardstick | verdict |\n| --- | --- | --- | --- | --- |\n| size | 3 MB | 4 MB |  | missed |\n"
        );
    }
}
