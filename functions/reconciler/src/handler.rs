//! The story of one run.

use crate::outbox::{self, Sender};
use crate::plan::Plan;
use crate::run::{RUN_MAX, Run};
use crate::{calls, campaign, held, messages, numbers, retention};
use common::bus::EventBus;
use common::config::{ConfigError, Live, Settings, SharedNumbers, StartError};
use common::domain::target::Reach;
use common::metrics::{self, Metric};
use common::store::{self, Store};
use provision_trigger::order::{self, Progress};
use provision_trigger::release::{self, Released};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How many orders or releases one run takes up.
pub const BATCH: i64 = 200;

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
pub struct App {
    live: Live<Parts>,
    most: Duration,
}

/// What a run does, one after the other, and up to which percentage of its time.
const WORK: [(Part, u32); 7] = [
    (Part::Orders, 35),
    (Part::Releases, 45),
    (Part::Held, 55),
    (Part::Sweep, 70),
    (Part::Messages, 80),
    (Part::Calls, 85),
    (Part::Campaign, 90),
];

/// What only a full run does.
const NIGHTLY: [(Part, u32); 4] = [
    (Part::Numbers, 95),
    // what the comparison found may have given orders their number
    (Part::Orders, 95),
    (Part::Retention, 97),
    (Part::Purge, 98),
];

/// What every run ends with: what it did may be told.
const LAST: [(Part, u32); 1] = [(Part::Events, 100)];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Orders,
    Releases,
    Held,
    Sweep,
    Messages,
    Calls,
    Campaign,
    Numbers,
    Purge,
    Events,
    Retention,
}

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
        Ok(Self::of(Live::start(Parts::from_settings).await?))
    }

    /// Starts from given settings.
    ///
    /// # Errors
    /// A setting, by name.
    pub async fn start_with(settings: Settings) -> Result<Self, StartError> {
        Ok(Self::of(Live::start_with(settings, Parts::from_settings).await?))
    }

    fn of(live: Live<Parts>) -> Self {
        Self { live, most: RUN_MAX }
    }

    /// The same with another time for a run.
    #[must_use]
    pub fn within(self, most: Duration) -> Self {
        Self { most, ..self }
    }

    /// What a full run would do now; nothing is changed.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn plan(&self) -> Result<Plan, store::Error> {
        let parts = self.live.get().await;
        match Plan::make(&parts).await {
            Err(store::Error::Credentials(code)) => match self.live.renewed(&parts).await {
                Some(renewed) => Plan::make(&renewed).await,
                None => Err(store::Error::Credentials(code)),
            },
            made => made,
        }
    }

    /// Runs what the payload asks for; gives the report.
    ///
    /// # Errors
    /// When the database is away: there is nothing to run on, and the schedule comes again.
    pub async fn handle(&self, payload: &Value) -> Result<Value, store::Error> {
        let schedule = Schedule::of(payload);
        let id = Uuid::now_v7();
        metrics::correlate(&id);
        let mut parts = self.live.get().await;
        let mut run = Run::begin(self.most);
        // a look at an empty outbox, once a minute, leaves no row
        let is_quiet = schedule == Schedule::Minute;
        if !is_quiet {
            run.resume_at(self.begin(&mut parts, id, schedule).await?);
        }
        let (work, nightly): (&[_], &[_]) = match schedule {
            Schedule::Minute => (&[], &[]),
            Schedule::FiveMinutes => (&WORK, &[]),
            Schedule::Nightly | Schedule::Everything => (&WORK, &NIGHTLY),
        };
        for (part, percent) in work.iter().chain(nightly).chain(&LAST) {
            run.begin_part(*percent);
            self.part(*part, &mut parts, &mut run, schedule).await;
        }
        if is_quiet {
            if run.is_empty() {
                return Ok(run.report());
            }
            run.resume_at(self.begin(&mut parts, id, schedule).await?);
        }
        if schedule != Schedule::Minute {
            figures(&parts, &mut run).await; // an alarm waits for these figures: a run that does all the work has come to its end
        }
        let report = run.report();
        match parts.store().finish_run(id, &report).await {
            Err(store::Error::Credentials(code)) => match self.live.renewed(&parts).await {
                Some(renewed) => renewed.store().finish_run(id, &report).await?,
                None => return Err(store::Error::Credentials(code)),
            },
            finished => finished?,
        }
        tracing::info!(run.id = %id, schedule = schedule.as_str(), report = %report, "Reconciliation finished");
        Ok(report)
    }

    /// Begins a run's row; gives where the last one left off.
    async fn begin(
        &self,
        parts: &mut Arc<Parts>,
        id: Uuid,
        schedule: Schedule,
    ) -> Result<Option<String>, store::Error> {
        match parts.store().begin_run(id, schedule.as_str()).await {
            Err(store::Error::Credentials(code)) => {
                *parts = self
                    .live
                    .renewed(parts)
                    .await
                    .ok_or(store::Error::Credentials(code))?;
                parts.store().begin_run(id, schedule.as_str()).await
            }
            begun => begun,
        }
    }

    /// One part, and once more when credentials were refused and there are newer ones: a password or token that is rotated while
    /// a run goes on costs it nothing.
    async fn part(&self, part: Part, parts: &mut Arc<Parts>, run: &mut Run, schedule: Schedule) {
        for is_last in [false, true] {
            match part {
                Part::Orders => self.orders(parts, run).await,
                Part::Releases => releases(parts, run).await,
                Part::Held => held::send_due(parts, run).await,
                Part::Sweep => messages::sweep(parts, run).await,
                Part::Messages => messages::compare(parts, run).await,
                Part::Calls => calls::compare(parts, run).await,
                Part::Campaign => campaign::poll(parts, run, schedule != Schedule::FiveMinutes).await,
                Part::Numbers => numbers::compare(parts, run).await,
                Part::Purge => purge(parts, run).await,
                Part::Events => outbox::deliver(parts, run).await,
                Part::Retention => retention::redact(parts, run).await,
            }
            if !run.take_refused() {
                return;
            }
            match self.live.renewed(parts).await {
                Some(renewed) if !is_last => *parts = renewed,
                _ => {
                    return run.problem(
                        part.name(),
                        &"our credentials are refused, and there are no newer ones",
                    );
                }
            }
        }
    }

    async fn orders(&self, parts: &mut Arc<Parts>, run: &mut Run) {
        let due = match parts.store().due_orders(BATCH).await {
            Ok(due) => due,
            Err(error) => return run.store_problem("orders", &error),
        };
        for id in due {
            if !run.has_time() {
                return;
            }
            let mut outcome = order::run(&parts.provisioning, id, self.live.is_fixed()).await;
            if matches!(outcome, Ok(Progress::CredentialsRefused)) {
                if let Some(renewed) = self.live.renewed(parts).await {
                    *parts = renewed;
                }
                outcome = order::run(&parts.provisioning, id, true).await;
            }
            match outcome {
                Ok(Progress::Done) => run.count("orders_completed", 1),
                Ok(Progress::NotOurs) => {}
                Ok(_) => run.count("orders_waiting", 1),
                Err(error) => run.store_problem("orders", &error),
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
            Err(error) => return run.store_problem("purge", &error),
        }
    }
}

async fn releases(parts: &Parts, run: &mut Run) {
    let due = match parts.store().due_releases(BATCH).await {
        Ok(due) => due,
        Err(error) => return run.store_problem("releases", &error),
    };
    for number in due {
        if !run.has_time() {
            return;
        }
        match release::run(&parts.provisioning, number).await {
            Ok(Released::Done) => run.count("numbers_released", 1),
            Ok(Released::NotYet) => run.count("releases_waiting", 1),
            Ok(Released::Nothing) => {}
            Ok(Released::CredentialsRefused) => return run.refused(),
            Err(error) => run.store_problem("releases", &error),
        }
    }
}

impl Part {
    /// As it is called in a report.
    fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Releases => "releases",
            Self::Held => "held messages",
            Self::Sweep => "messages",
            Self::Messages => "comparison",
            Self::Calls => "calls",
            Self::Campaign => "campaign",
            Self::Numbers => "numbers",
            Self::Purge => "purge",
            Self::Events => "events",
            Self::Retention => "retention",
        }
    }
}

/// How things stand now, for the dashboard and the alarms.
async fn figures(parts: &Parts, run: &mut Run) {
    let figures = match parts.store().platform_figures().await {
        Ok(figures) => figures,
        Err(error) => return run.problem("figures", &error),
    };
    for (metric, figure) in [
        (Metric::OrdersNeedingAttention, "orders_needing_attention"),
        (Metric::NumbersActive, "numbers_active"),
        (Metric::NumbersMonthlyCost, "numbers_monthly_cost"),
        (Metric::WorkspacesActive, "workspaces_active"),
        (Metric::WorkspacesPaying, "workspaces_paying"),
        (Metric::WorkspacesProvisioned, "workspaces_provisioned"),
        (Metric::SentAfterStop, "sent_after_stop"),
        (Metric::ReportsParked, "reports_parked"),
    ] {
        if let Some(value) = figures[figure].as_f64() {
            metrics::record(metric, value);
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
