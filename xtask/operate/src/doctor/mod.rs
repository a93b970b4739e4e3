//! `doctor`: looks at everything that a stack needs, changes nothing, and says what to do about each fault.

mod callback;
mod configuration;
mod database;
mod queues;
mod signalwire;
mod webhooks;

use crate::arguments::Arguments;
use common::config::Settings;
use std::fmt::{self, Write};

/// How a thing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Well,
    /// Works, but somebody should know.
    Notice,
    /// Does not work.
    Fault,
    /// Could not be looked at.
    Unseen,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where: `configuration`, `database`, `signalwire`, `webhooks`, `queues`.
    pub area: &'static str,
    /// How it is.
    pub state: State,
    /// What was found.
    pub what: String,
    /// What to do about it.
    pub advice: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.state {
            State::Well => "ok    ",
            State::Notice => "notice",
            State::Fault => "FAULT ",
            State::Unseen => "?     ",
        };
        write!(to, "{mark}  {:<13}  {}", self.area, self.what)?;
        if !self.advice.is_empty() {
            write!(to, "\n        {:<13}  -> {}", "", self.advice)?;
        }
        Ok(())
    }
}

/// Findings of one area.
pub struct Findings {
    area: &'static str,
    found: Vec<Finding>,
}

impl Findings {
    fn of(area: &'static str) -> Self {
        Self {
            area,
            found: Vec::new(),
        }
    }

    fn add(&mut self, state: State, what: impl Into<String>, advice: impl Into<String>) {
        self.found.push(Finding {
            area: self.area,
            state,
            what: what.into(),
            advice: advice.into(),
        });
    }

    fn well(&mut self, what: impl Into<String>) {
        self.add(State::Well, what, "");
    }

    fn notice(&mut self, what: impl Into<String>, advice: impl Into<String>) {
        self.add(State::Notice, what, advice);
    }

    fn fault(&mut self, what: impl Into<String>, advice: impl Into<String>) {
        self.add(State::Fault, what, advice);
    }

    fn unseen(&mut self, what: impl Into<String>, advice: impl Into<String>) {
        self.add(State::Unseen, what, advice);
    }
}

/// Looks at everything. `callback` is a captured request of the carrier, as an API Gateway event.
pub async fn examine(settings: &Settings, callback: Option<&str>) -> Vec<Finding> {
    let mut found = configuration::examine(settings).found;
    found.extend(database::examine(settings).await.found);
    found.extend(signalwire::examine(settings).await.found);
    found.extend(webhooks::examine(settings).await.found);
    found.extend(queues::examine(settings).await.found);
    found.extend(callback::examine(settings, callback).found);
    found
}

/// Runs the command.
///
/// # Errors
/// The report, when there is a fault in it.
pub async fn run(settings: &Settings, arguments: &[&str]) -> Result<String, String> {
    let arguments = Arguments::read(arguments, &["callback", "env-file", "stack"], &[])?;
    let [] = arguments.words([])?;
    let settings = crate::given::settings(settings, &arguments).await?;
    let callback = match arguments.option("callback") {
        None => None,
        Some(path) => {
            Some(std::fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))?)
        }
    };
    let found = examine(&settings, callback.as_deref()).await;
    let mut report = String::new();
    for finding in &found {
        let _ = writeln!(report, "{finding}");
    }
    let count = |state| found.iter().filter(|finding| finding.state == state).count();
    let faults = count(State::Fault);
    let _ = writeln!(
        report,
        "\n{} as it should be, {} to know, {} not seen, {faults} wrong",
        count(State::Well),
        count(State::Notice),
        count(State::Unseen)
    );
    if faults == 0 {
        Ok(report)
    } else {
        Err(format!("the stack is not well\n{report}"))
    }
}
