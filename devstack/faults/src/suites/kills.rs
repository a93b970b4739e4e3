//! Every kill point of a purchase.
//!
//! The conversation of `provision-trigger` with Postgres and the carrier is a row of exchanges. At each of them, before its request
//! and before its answer is passed on, the process is killed, stopped or delayed, while another process gets the same event or not;
//! then the event comes again until nothing is left to do. One number was ordered: one has to be bought, and known.
//!
//! A lease lasts 120 s. Here it ends by SQL once its holder is dead; where the holder lives on, that is the worse case.

use super::Scale;
use super::holes::upstream;
use crate::Broken;
use crate::check;
use crate::gate::{Breadth, Gate, MOMENTS, Moment, Script, address};
use crate::lab::{Lab, Way, carrier_config, invoke_batch};
use crate::programs::Programs;
use crate::tally::Tally;
use serde_json::{Value, json};
use simulator::{Fault, Operation, StockNumber};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use testkit::runtime_api::{Function, sqs_event};
use uuid::Uuid;

/// What happens at the kill point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The process is killed; the event comes again.
    Killed,
    /// While it stands there, another process gets the same event; then it is killed.
    KilledBesideAnother,
    /// The process is stopped (SIGSTOP) there, the network goes on; its lease ends, another process does the work, and it wakes up.
    Stopped,
    /// The network delays the exchange until the lease has ended and another process has done the work.
    Delayed,
}

const FATES: [Fate; 4] = [
    Fate::Killed,
    Fate::KilledBesideAnother,
    Fate::Stopped,
    Fate::Delayed,
];

/// What the carrier does meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carrier {
    /// All is well.
    Well,
    /// The first purchase succeeds, and its answer is a 500.
    PurchaseAnswerLost,
    /// The first candidate is gone when it is asked for.
    FirstIsGone,
    /// A campaign takes the number.
    Campaign,
    /// It has nothing to sell in that area, but an earlier order has left a number that nobody uses.
    Spare,
}

struct Bench<'a> {
    lab: Lab<'a>,
    carrier: Carrier,
    helper: Function,
}

/// A process whose exchanges are watched.
struct Watched {
    process: Function,
    script: Arc<Script>,
    _gates: [Gate; 2],
}

/// Runs all of it.
pub(super) async fn run(programs: &Programs, tally: &Tally, scale: Scale) -> Result<(), Broken> {
    let carriers: &[Carrier] = if scale.is_full {
        &[
            Carrier::Well,
            Carrier::PurchaseAnswerLost,
            Carrier::FirstIsGone,
            Carrier::Campaign,
            Carrier::Spare,
        ]
    } else {
        &[Carrier::Well, Carrier::Spare]
    };
    for carrier in carriers {
        let mut lab = Lab::open_with(
            programs,
            simulator::Config {
                stock: Some(Vec::new()),
                ..carrier_config()
            },
        )
        .await?;
        if *carrier == Carrier::Campaign {
            lab.fixture
                .set("SIGNALWIRE_CAMPAIGN_ID", &Uuid::new_v4().to_string());
        }
        let helper = lab.start("provision-trigger", Way::Direct).await?;
        let bench = Bench {
            lab,
            carrier: *carrier,
            helper,
        };
        bench.all(tally, scale).await?;
    }
    Ok(())
}

impl<'a> Bench<'a> {
    async fn all(&self, tally: &Tally, scale: Scale) -> Result<(), Broken> {
        let names = self.rehearse(tally).await?;
        tally.say(format_args!(
            "a purchase ({:?}) has {} exchanges: {}",
            self.carrier,
            names.len(),
            names.join(", ")
        ));
        if self.carrier == Carrier::Spare {
            tally.expect(
                !names.iter().any(|name| name == "POST IncomingPhoneNumbers"),
                || format!("a number was bought beside a spare: {names:?}"),
            );
        }
        let is_sql = |name: &str| !name.starts_with("GET") && !name.starts_with("POST");
        for (index, name) in names.iter().enumerate() {
            for moment in MOMENTS {
                for fate in FATES {
                    if !scale.is_full && (!is_sql(name) || fate == Fate::Delayed) && !name.contains("POST") {
                        continue;
                    }
                    self.case(tally, index + 1, moment, fate, name).await?;
                }
            }
        }
        if scale.is_full && self.carrier != Carrier::Campaign {
            tally.say("each pair of kill points: the process that takes over is killed as well");
            for first in 1..=names.len() {
                for second in 1..=names.len() {
                    for moment in MOMENTS {
                        self.killed_twice(tally, (first, moment), second).await?;
                    }
                }
            }
        }
        self.reconcile(tally).await
    }

    async fn rehearse(&self, tally: &Tally) -> Result<Vec<String>, Broken> {
        let (workspace, event) = self.order().await?;
        let watched = self.watched(Script::watching()).await?;
        deliver(&watched.process, &event).await?;
        self.redeliver(tally, "rehearsal", &event, workspace).await?;
        Ok(watched.script.names())
    }

    /// A workspace of its own for each case.
    async fn order(&self) -> Result<(Uuid, Value), Broken> {
        if self.carrier == Carrier::Spare {
            self.leave_a_spare().await?;
        }
        Ok(self.new_order())
    }

    /// A number that was bought for a workspace which never got it.
    async fn leave_a_spare(&self) -> Result<(), Broken> {
        let (workspace, event) = self.new_order();
        deliver(&self.helper, &event).await?;
        let lose = [
            "delete from phone_number_readiness where workspace_id = $1",
            "update provisioning_orders set state = 'canceled', phone_number_id = null where workspace_id = $1",
            "insert into spare_numbers (phone_number, phone_number_sid, order_id, reason)
             select n.phone_number, n.phone_number_sid, o.id, 'left' from workspace_phone_numbers n
             join provisioning_orders o using (workspace_id) where n.workspace_id = $1",
            "delete from workspace_phone_numbers where workspace_id = $1",
        ];
        for sql in lose {
            self.lab.fixture.sql.execute(sql, &[&workspace]).await?;
        }
        Ok(())
    }

    fn new_order(&self) -> (Uuid, Value) {
        static NEXT: AtomicU32 = AtomicU32::new(2_000_000);
        let simulator = &self.lab.fixture.simulator;
        if simulator.stock().len() < 12 {
            let fresh = (0..40).map(|_| format!("+1405{:07}", NEXT.fetch_add(1, Ordering::Relaxed)));
            let mut stock = simulator.stock();
            stock.extend(fresh.map(|number| StockNumber::local(number, "OK")));
            simulator.set_stock(stock);
        }
        simulator.clear_faults();
        match self.carrier {
            Carrier::PurchaseAnswerLost => simulator.fail_next(Operation::Purchase, Fault::status_after(500)),
            Carrier::FirstIsGone => {
                simulator.fail_next(Operation::Purchase, Fault::code(422, 21422, "is not available"));
            }
            Carrier::Well | Carrier::Campaign | Carrier::Spare => {}
        }
        let workspace = Uuid::new_v4();
        let event = json!({
            "id": format!("event-{workspace}"), "type": "workspace.created", "areaCode": "405",
            "workspace": {
                "id": workspace, "name": "Acme", "slug": format!("acme-{workspace}"),
                "clerkOrganizationId": format!("org_{workspace}"), "subscriptionTier": "professional",
            },
        });
        (workspace, event)
    }

    async fn watched(&self, script: Arc<Script>) -> Result<Watched, Broken> {
        let database = Gate::open(&upstream(&self.lab), &script).await?;
        let carrier = Gate::open(&address(self.lab.fixture.simulator.base_url()), &script).await?;
        let mut environment = self.lab.environment(Way::Direct);
        for (name, value) in &mut environment {
            match name.as_str() {
                "DATABASE_URL" => *value = database.url(value),
                "SIGNALWIRE_SPACE_URL" => *value = carrier.url(value),
                _ => {}
            }
        }
        let process = self.lab.start_with("provision-trigger", environment).await?;
        Ok(Watched {
            process,
            script,
            _gates: [database, carrier],
        })
    }

    async fn case(
        &self,
        tally: &Tally,
        exchange: usize,
        moment: Moment,
        fate: Fate,
        name: &str,
    ) -> Result<(), Broken> {
        let case = format!(
            "purchase ({:?}), {fate:?} {moment:?} exchange {exchange} ({name})",
            self.carrier
        );
        let (workspace, event) = self.order().await?;
        let watched = self
            .watched(Script::holding(exchange, moment, Breadth::Connection))
            .await?;
        let Watched { process, script, .. } = &watched;
        let first = deliver(process, &event);
        let meanwhile = async {
            let reached = tokio::time::timeout(Duration::from_secs(20), script.reached()).await;
            tally.expect(reached.is_ok(), || format!("{case}: never reached"));
            match fate {
                Fate::Killed => {}
                Fate::KilledBesideAnother => {
                    deliver(&self.helper, &event).await?;
                }
                Fate::Stopped => {
                    process.freeze();
                    script.pass();
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    self.lab.end_leases().await?;
                    deliver(&self.helper, &event).await?;
                    process.thaw();
                }
                Fate::Delayed => {
                    self.lab.end_leases().await?;
                    deliver(&self.helper, &event).await?;
                    script.pass();
                }
            }
            if matches!(fate, Fate::Killed | Fate::KilledBesideAnother) {
                process.kill();
                process.wait().await;
                script.drop_held();
            }
            Ok::<_, Broken>(())
        };
        let (first, meanwhile) = tokio::join!(first, meanwhile);
        meanwhile?;
        if matches!(fate, Fate::Stopped | Fate::Delayed) {
            tally.expect(first.is_ok(), || format!("{case}: {:?}", first.err()));
        }
        tally.count("kill points tried", 1);
        if self.carrier == Carrier::FirstIsGone && matches!(fate, Fate::Stopped | Fate::Delayed) {
            return self.outlived(tally, &case, &event, workspace).await;
        }
        if self.carrier == Carrier::Spare {
            tally.count("spares reused under kills", 1);
        }
        self.redeliver(tally, &case, &event, workspace).await
    }

    /// The carrier refuses a number to one process and sells it to another one afterwards, whose lease has ended and who does not
    /// know. In production it knows: it begins no purchase late in its lease, and Lambda ends it before the lease does. Should the
    /// network hold a purchase back for so long, the number that is too many is found by the name that it carries.
    async fn outlived(
        &self,
        tally: &Tally,
        case: &str,
        event: &Value,
        workspace: Uuid,
    ) -> Result<(), Broken> {
        self.lab.end_leases().await?;
        deliver(&self.helper, event).await?;
        let before = check::bought(&self.lab).len();
        let reconciler = self.lab.start("reconciler", Way::Direct).await?;
        let report = reconciler.invoke(json!({})).await?;
        let spare = report["counts"]["spares_kept"].as_u64().unwrap_or(0);
        tally.count(
            "numbers bought after a lease was taken away, kept as spares",
            usize::try_from(spare).unwrap_or(0),
        );
        check::numbers_are_known(&self.lab, tally, case).await?;
        // 14 days later the carrier takes it back
        self.lab
            .fixture
            .simulator
            .advance(Duration::from_secs(15 * 24 * 3600));
        let report = reconciler.invoke(json!({})).await?;
        let returned = report["counts"]["orphans_released"].as_u64().unwrap_or(0);
        let after = check::bought(&self.lab).len();
        tally.expect(
            spare == returned && before - after == usize::try_from(returned).unwrap_or(0),
            || format!("{case}: {report}"),
        );
        check::workspace_has(&self.lab, tally, case, workspace, 1).await
    }

    async fn killed_twice(&self, tally: &Tally, first: (usize, Moment), second: usize) -> Result<(), Broken> {
        let case = format!(
            "purchase ({:?}), killed {:?} exchange {}, then at {second}",
            self.carrier, first.1, first.0
        );
        let (workspace, event) = self.order().await?;
        for (exchange, moment) in [first, (second, first.1)] {
            let watched = self
                .watched(Script::holding(exchange, moment, Breadth::Connection))
                .await?;
            let done = tokio::select! {
                answered = deliver(&watched.process, &event) => { answered?; true }
                () = watched.script.reached() => false,
            };
            watched.process.kill();
            watched.process.wait().await;
            watched.script.drop_held();
            self.lab.end_leases().await?;
            if done {
                break; // a process that takes over needs fewer exchanges
            }
        }
        tally.count("pairs of kill points tried", 1);
        self.redeliver(tally, &case, &event, workspace).await
    }

    /// The queue delivers again until nobody refuses.
    async fn redeliver(
        &self,
        tally: &Tally,
        case: &str,
        event: &Value,
        workspace: Uuid,
    ) -> Result<(), Broken> {
        for _ in 0..6 {
            self.lab.end_leases().await?;
            if deliver(&self.helper, event).await? {
                break;
            }
        }
        check::workspace_has(&self.lab, tally, case, workspace, 1).await
    }

    /// The reconciler finds nothing to mend, and changes nothing.
    async fn reconcile(&self, tally: &Tally) -> Result<(), Broken> {
        let before = check::bought(&self.lab);
        let reconciler = self.lab.start("reconciler", Way::Direct).await?;
        let report = reconciler.invoke(json!({})).await?;
        let counts = &report["counts"];
        let quiet = [
            "orphans_adopted",
            "orphans_released",
            "ghosts_marked",
            "spares_kept",
        ];
        tally.expect(quiet.iter().all(|count| counts[count].is_null()), || {
            format!("after {:?}: {report}", self.carrier)
        });
        tally.expect(before == check::bought(&self.lab), || {
            "the reconciler changed what is bought".to_owned()
        });
        check::numbers_are_known(&self.lab, tally, "kills").await
    }
}

/// Delivers an event; whether it was taken.
async fn deliver(function: &Function, event: &Value) -> Result<bool, Broken> {
    let id = format!("record-{}", event["id"].as_str().unwrap_or_default());
    Ok(invoke_batch(function, sqs_event(&[(&id, &event.to_string())]))
        .await?
        .is_empty())
}
