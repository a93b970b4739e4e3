//! The story of one run.

use crate::outbox::{self, Sender};
use crate::run::Run;
use crate::{calls, campaign, messages, numbers};
use common::bus::EventBus;
use common::config::{ConfigError, Live, Settings, SharedNumbers, StartError};
use common::domain::target::Reach;
use common::store::{self, Store};
use provision_trigger::order::{self, Progress};
use provision_trigger::release::{self, Released};
use serde_json::Value;
use std::sync::Arc;
use uuid::Uuid;

/// How many orders or releases one run takes up.
const BATCH: i64 = 200;

/// How long an event can be looked up and replayed.
const EVENTS_KEPT_DAYS: i32 = 30;

/// How many events are forgotten at once.
const PURGE: i32 = 5_000;

/// What the function is made of.
pub struct Parts {
    /// Orders and releases.
    pub provisioning: provision_trigger::Parts,
    /// Numbers that several workspaces use.
    pub shared: SharedNumbers,
    /// Where events go, if there is one.
    pub bus: Option<EventBus>,
    /// Brings events to the endpoints of workspaces.
    pub sender: Sender,
}

impl Parts {
    fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        Ok(Self {
            provisioning: provision_trigger::Parts::from_settings(settings)?,
            shared: settings.shared_numbers()?,
            bus: EventBus::from_settings(settings)?,
            // who runs it on his own machine has his endpoints there too
            sender: Sender::new(if settings.app_url()?.is_loopback() {
                Reach::Anywhere
            } else {
                Reach::Public
            }),
        })
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.provisioning.store
    }
}

/// The function.
pub struct App(Live<Parts>);

/// What a run covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Schedule {
    Minute,
    FiveMinutes,
    Nightly,
    Everything,
}

impl Schedule {
    fn of(payload: &Value) -> Self {
        let rules = payload["resources"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        for rule in rules {
            if rule.ends_with("-minute") {
                return Self::Minute;
            }
            if rule.ends_with("-five-minutes") {
                return Self::FiveMinutes;
            }
            if rule.ends_with("-nightly") {
                return Self::Nightly;
            }
        }
        Self::Everything
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::FiveMinutes => "five-minutes",
            Self::Nightly => "nightly",
            Self::Everything => "everything",
        }
    }
}

impl App {
    /// Starts from the environment.
    ///
    /// # Errors
    /// A setting, by name.
    pub async fn start() -> Result<Self, StartError> {
        Live::start(Parts::from_settings).await.map(Self)
    }

    /// Starts from given settings.
    ///
    /// # Errors
    /// A setting, by name.
    pub async fn start_with(settings: Settings) -> Result<Self, StartError> {
        Live::start_with(settings, Parts::from_settings).await.map(Self)
    }

    /// Runs what the payload asks for; gives the report.
    ///
    /// # Errors
    /// When the database is away: there is nothing to run on, and the schedule comes again.
    pub async fn handle(&self, payload: &Value) -> Result<Value, store::Error> {
        let schedule = Schedule::of(payload);
        let id = Uuid::now_v7();
        let mut parts = self.0.get().await;
        match parts.store().begin_run(id, schedule.as_str()).await {
            Err(store::Error::Credentials(code)) => {
                parts = self
                    .0
                    .renewed(&parts)
                    .await
                    .ok_or(store::Error::Credentials(code))?;
                parts.store().begin_run(id, schedule.as_str()).await?;
            }
            begun => begun?,
        }
        let mut run = Run::begin();
        if schedule != Schedule::Minute {
            self.reconcile(schedule, &mut parts, &mut run).await;
        }
        outbox::deliver(&parts, &mut run).await;
        let report = run.report();
        parts.store().finish_run(id, &report).await?;
        tracing::info!(run.id = %id, schedule = schedule.as_str(), report = %report, "Reconciliation finished");
        Ok(report)
    }

    /// Everything but the events out: what it does may be one.
    async fn reconcile(&self, schedule: Schedule, parts: &mut Arc<Parts>, run: &mut Run) {
        self.orders(parts, run).await;
        releases(parts, run).await;
        messages::sweep(parts, run).await;
        messages::compare(parts, run).await;
        calls::compare(parts, run).await;
        campaign::poll(parts, run).await;
        if schedule != Schedule::FiveMinutes {
            numbers::compare(parts, run).await;
            // what the comparison found may have given orders their number
            self.orders(parts, run).await;
            purge(parts, run).await;
        }
    }

    async fn orders(&self, parts: &mut Arc<Parts>, run: &mut Run) {
        let due = match parts.store().due_orders(BATCH).await {
            Ok(due) => due,
            Err(error) => return run.problem("orders", &error),
        };
        for id in due {
            if !run.has_time() {
                return;
            }
            let mut outcome = order::run(&parts.provisioning, id, self.0.is_fixed()).await;
            if matches!(outcome, Ok(Progress::CredentialsRefused)) {
                if let Some(renewed) = self.0.renewed(parts).await {
                    *parts = renewed;
                }
                outcome = order::run(&parts.provisioning, id, true).await;
            }
            match outcome {
                Ok(Progress::Done) => run.count("orders_completed", 1),
                Ok(Progress::NotOurs) => {}
                Ok(_) => run.count("orders_waiting", 1),
                Err(error) => run.problem("orders", &error),
            }
        }
    }
}

/// Forgets events that nobody will ask for again.
async fn purge(parts: &Parts, run: &mut Run) {
    while run.has_time() {
        match parts.store().purge_events(EVENTS_KEPT_DAYS, PURGE).await {
            Ok(0) => return,
            Ok(gone) => run.count("events_forgotten", usize::try_from(gone).unwrap_or(0)),
            Err(error) => return run.problem("events", &error),
        }
    }
}

async fn releases(parts: &Parts, run: &mut Run) {
    let due = match parts.store().due_releases(BATCH).await {
        Ok(due) => due,
        Err(error) => return run.problem("releases", &error),
    };
    for number in due {
        if !run.has_time() {
            return;
        }
        match release::run(&parts.provisioning, number).await {
            Ok(Released::Done) => run.count("numbers_released", 1),
            Ok(Released::NotYet) => run.count("releases_waiting", 1),
            Ok(Released::Nothing) => {}
            Ok(Released::CredentialsRefused) => {
                return run.problem("releases", &"SignalWire refuses our credentials");
            }
            Err(error) => run.problem("releases", &error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn schedules() {
        let rule = |name: &str| json!({ "detail-type": "Scheduled Event", "resources": [format!("arn:aws:events:eu-west-1:1:rule/{name}")] });
        assert_eq!(Schedule::of(&rule("prod-minute")), Schedule::Minute);
        assert_eq!(Schedule::of(&rule("prod-five-minutes")), Schedule::FiveMinutes);
        assert_eq!(Schedule::of(&rule("prod-nightly")), Schedule::Nightly);
        assert_eq!(Schedule::of(&rule("other")), Schedule::Everything);
        for payload in [json!({}), json!(null), json!([]), json!({ "resources": "x" })] {
            assert_eq!(Schedule::of(&payload), Schedule::Everything);
        }
    }
}
