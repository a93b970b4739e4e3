//! What a full run would do, for an operator who asks first. It is found by what the run itself uses: the same lists, the same
//! comparison of numbers, and statements whose effect is undone.

use crate::handler::{BATCH, Parts};
use crate::messages::{self, Stop};
use crate::numbers::{Differences, Trouble};
use common::store::{self, Adoption, DueOrder, DueRelease, OpenGroup};
use std::fmt;

/// More messages without an end than this are not counted.
const OPEN_MAX: i32 = 10_000;

/// What becomes of a number that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// The carrier has it not: it is marked as released.
    Ghost,
    /// It goes to the order in its name.
    Adopt,
    /// The order in its name has no use for it: it is given back, or kept as a spare until the carrier takes it.
    GiveBack,
    /// Somebody works on the order in its name: it is left alone.
    Wait,
    /// It has no order of ours in its name: it is left alone.
    NotOurs,
    /// Its webhooks lead somewhere else: they are put right.
    Webhooks,
}

impl Repair {
    fn words(&self) -> &'static str {
        match self {
            Self::Ghost => "ghost: ours, but the carrier does not have it; would be marked as released",
            Self::Adopt => "orphan: bought, but on nobody's row; would go to the order in its name",
            Self::GiveBack => {
                "orphan: its order has no use for it; would be given back, or kept as a spare until the carrier takes it"
            }
            Self::Wait => "orphan: its order is being worked on; would be left alone",
            Self::NotOurs => "not ours: no order in its name; would be left alone",
            Self::Webhooks => "drift: its webhooks lead somewhere else; would be set to ours",
        }
    }
}

/// See the module; `Display` is for a terminal.
#[derive(Debug)]
pub struct Plan {
    /// Orders whose time has come, or whose worker is gone.
    pub orders: Vec<DueOrder>,
    /// Numbers whose release is due.
    pub releases: Vec<DueRelease>,
    /// Messages that were held for quiet hours and are due.
    pub held: i64,
    /// Messages and calls without an end, by kind.
    pub open: Vec<OpenGroup>,
    /// Inbound messages of two days that no webhook brought, unless the carrier does not say.
    pub missing: Option<usize>,
    /// Numbers that cannot text yet, where a campaign is followed.
    pub unready: Option<usize>,
    /// How many numbers the carrier has, unless it does not say.
    pub compared: Option<usize>,
    /// Numbers that differ.
    pub repairs: Vec<(String, Repair)>,
    /// What could not be found out.
    pub problems: Vec<String>,
}

impl Plan {
    pub(crate) async fn make(parts: &Parts) -> Result<Self, store::Error> {
        let store = parts.store();
        let orders = store.preview_orders(&store.due_orders(BATCH).await?).await?;
        let releases = store.preview_releases(&store.due_releases(BATCH).await?).await?;
        let unready = match parts.provisioning.campaign_id {
            Some(_) => Some(store.pending_readiness(BATCH).await?.len()),
            None => None,
        };
        let mut plan = Self {
            orders,
            releases,
            held: store.preview_held().await?,
            open: store.preview_open_messages(OPEN_MAX).await?,
            missing: None,
            unready,
            compared: None,
            repairs: Vec::new(),
            problems: Vec::new(),
        };
        match messages::missing(parts).await {
            Ok((count, is_whole)) => {
                plan.missing = Some(count);
                if !is_whole {
                    plan.problem("the list of messages is too long; only its beginning was compared");
                }
            }
            Err(Stop::Store(error)) => return Err(error),
            Err(Stop::Carrier(error)) => plan.problem(format!("messages were not compared: {error}")),
        }
        match Differences::find(parts, || true).await {
            Ok(found) => plan.numbers(parts, found).await?,
            Err(Trouble::Store(error)) => return Err(error),
            Err(Trouble::Carrier(error)) => plan.problem(format!("numbers were not compared: {error}")),
            Err(Trouble::NoTime) => {
                plan.problem("the list of numbers is too long; nothing is done on half of one");
            }
        }
        Ok(plan)
    }

    async fn numbers(&mut self, parts: &Parts, found: Differences) -> Result<(), store::Error> {
        self.compared = Some(found.compared);
        for ghost in found.ghosts {
            // asked for by its SID before it is believed, as a run does
            let owned = match &ghost.sid {
                Some(sid) => parts.provisioning.carrier.owns_number(sid).await,
                None => Ok(true),
            };
            match owned {
                Ok(true) => {}
                Ok(false) => self.repairs.push((ghost.phone_number, Repair::Ghost)),
                Err(error) => self.problem(format!("{} was not looked for: {error}", ghost.phone_number)),
            }
        }
        for (order, orphan) in found.orphans {
            let sid = orphan.sid.as_deref().unwrap_or("");
            let adoption = parts.store().preview_orphan(order, &orphan.phone_number, sid);
            let repair = match adoption.await? {
                Adoption::Adopted => Repair::Adopt,
                Adoption::Spare => Repair::GiveBack,
                Adoption::Busy => Repair::Wait,
            };
            self.repairs.push((orphan.phone_number, repair));
        }
        let others = found
            .others
            .into_iter()
            .map(|other| (other.phone_number, Repair::NotOurs));
        let drifted = found
            .drifted
            .into_iter()
            .map(|number| (number.phone_number, Repair::Webhooks));
        self.repairs.extend(others.chain(drifted));
        Ok(())
    }

    fn problem(&mut self, words: impl Into<String>) {
        self.problems.push(words.into());
    }
}

/// `none`, or how many.
fn amount(count: usize) -> String {
    match count {
        0 => "none".to_owned(),
        count if count >= usize::try_from(BATCH).unwrap_or(usize::MAX) => format!("{count} or more"),
        count => count.to_string(),
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "orders due: {}", amount(self.orders.len()))?;
        for order in &self.orders {
            let DueOrder {
                id,
                workspace,
                state,
                attempts,
                ..
            } = order;
            write!(f, "  {id}  {workspace}  {state}, tried {attempts} times: would ")?;
            match &order.phone_number {
                Some(number) => write!(
                    f,
                    "look for {number} among the carrier's numbers, then buy it if it is not there"
                )?,
                None => write!(f, "search for a number and buy it")?,
            }
            match &order.reason {
                Some(reason) => writeln!(f, " (waits because: {reason})")?,
                None => writeln!(f)?,
            }
        }
        writeln!(f, "releases due: {}", amount(self.releases.len()))?;
        for release in &self.releases {
            let DueRelease {
                phone_number,
                workspace,
                due_since,
                attempts,
                last_error,
            } = release;
            write!(
                f,
                "  {phone_number}  {workspace}  due since {due_since:.0}, tried {attempts} times"
            )?;
            match last_error {
                Some(error) => writeln!(f, " (the carrier said: {error})")?,
                None => writeln!(f)?,
            }
        }
        writeln!(
            f,
            "held messages due: {}",
            amount(usize::try_from(self.held).unwrap_or(0))
        )?;
        let open: i64 = self.open.iter().map(|group| group.messages).sum();
        writeln!(
            f,
            "messages and calls without an end, to be asked about: {}",
            if open == 0 {
                "none".to_owned()
            } else {
                open.to_string()
            }
        )?;
        for group in &self.open {
            let OpenGroup {
                channel,
                direction,
                status,
                messages,
                oldest,
            } = group;
            writeln!(
                f,
                "  {messages:>5}  {channel} {direction}, {status}; the oldest of {oldest:.0}"
            )?;
        }
        if let Some(missing) = self.missing {
            writeln!(
                f,
                "inbound messages of two days that no webhook brought: {}",
                if missing == 0 {
                    "none".to_owned()
                } else {
                    missing.to_string()
                }
            )?;
        }
        if let Some(unready) = self.unready {
            writeln!(
                f,
                "numbers that cannot text yet, to be followed at the campaign: {}",
                amount(unready)
            )?;
        }
        if let Some(compared) = self.compared {
            let differ = if self.repairs.is_empty() {
                "all as they should be".to_owned()
            } else {
                format!("{} to look at", self.repairs.len())
            };
            writeln!(f, "numbers at the carrier: {compared}, {differ}")?;
        }
        for (number, repair) in &self.repairs {
            writeln!(f, "  {number}  {}", repair.words())?;
        }
        for problem in &self.problems {
            writeln!(f, "not found out: {problem}")?;
        }
        writeln!(f, "\nNothing was changed.")
    }
}
