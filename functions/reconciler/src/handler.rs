//! The story of one run.

use crate::run::Run;
use crate::{campaign, messages, numbers};
use common::config::{ConfigError, Live, Settings, SharedNumbers, StartError};
use common::metrics::{self, Metric};
use common::store::{self, Store};
use provision_trigger::order::{self, Progress};
use provision_trigger::release::{self, Released};
use serde_json::Value;
use std::sync::Arc;
use uuid::Uuid;

/// How many orders or releases one run takes up.
const BATCH: i64 = 200;

/// What the function is made of.
pub struct Parts {
    /// Orders and releases.
    pub provisioning: provision_trigger::Parts,
    /// Numbers that several workspaces use.
    pub shared: SharedNumbers,
}

impl Parts {
    fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        Ok(Self {
            provisioning: provision_trigger::Parts::from_settings(settings)?,
            shared: settings.shared_numbers()?,
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
        metrics::correlate(&id);
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
        self.orders(&mut parts, &mut run).await;
        releases(&parts, &mut run).await;
        messages::sweep(&parts, &mut run).await;
        messages::compare(&parts, &mut run).await;
        campaign::poll(&parts, &mut run).await;
        if schedule != Schedule::FiveMinutes {
            numbers::compare(&parts, &mut run).await;
            // what the comparison found may have given orders their number
            self.orders(&mut parts, &mut run).await;
        }
        figures(&parts, &mut run).await;
        let report = run.report();
        parts.store().finish_run(id, &report).await?;
        tracing::info!(run.id = %id, schedule = schedule.as_str(), report = %report, "Reconciliation finished");
        Ok(report)
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
        assert_eq!(Schedule::of(&rule("prod-five-minutes")), Schedule::FiveMinutes);
        assert_eq!(Schedule::of(&rule("prod-nightly")), Schedule::Nightly);
        assert_eq!(Schedule::of(&rule("other")), Schedule::Everything);
        for payload in [json!({}), json!(null), json!([]), json!({ "resources": "x" })] {
            assert_eq!(Schedule::of(&payload), Schedule::Everything);
        }
    }
}
