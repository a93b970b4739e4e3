//! The carrier's numbers beside ours: orphans, ghosts, drift.

use crate::handler::Parts;
use crate::run::Run;
use common::metrics::{self, Metric};
use common::signalwire::{Error as Carrier, NumberRecord};
use common::store::{self, Adoption, NumberFinding};
use serde_json::{Value, json};
use std::collections::HashSet;
use uuid::Uuid;

/// A thousand numbers a page; a project has a thousand by default (FACTS 1).
const PAGES_MAX: usize = 50;

/// Where the carrier's numbers and ours differ.
#[derive(Debug, Default)]
pub struct Differences {
    /// How many numbers the carrier has.
    pub compared: usize,
    /// Ours, but not on the carrier's list.
    pub ghosts: Vec<NumberFinding>,
    /// The carrier's and nobody's here, but with an order of ours in the name.
    pub orphans: Vec<(Uuid, NumberFinding)>,
    /// The carrier's, and none of our business: the project may have other uses.
    pub others: Vec<NumberFinding>,
    /// Ours, with webhooks that lead somewhere else.
    pub drifted: Vec<NumberRecord>,
}

/// Why there is no comparison.
pub enum Trouble {
    /// The list is too long for the time that is left.
    NoTime,
    /// The carrier does not list its numbers.
    Carrier(Carrier),
    /// The database does not compare them.
    Store(store::Error),
}

impl Differences {
    /// Compares all numbers; changes nothing. There is no comparison with half a list.
    pub async fn find(parts: &Parts, mut has_time: impl FnMut() -> bool) -> Result<Self, Trouble> {
        let mut theirs: Vec<NumberRecord> = Vec::new();
        let mut next = None;
        for page_number in 0.. {
            if page_number == PAGES_MAX || !has_time() {
                return Err(Trouble::NoTime);
            }
            let page = parts.provisioning.carrier.owned_numbers(next.as_deref()).await;
            let page = page.map_err(Trouble::Carrier)?;
            theirs.extend(page.items);
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        let rows: Value = theirs
            .iter()
            .map(|number| json!({ "phone_number": number.phone_number, "sid": number.sid, "friendly_name": number.friendly_name }))
            .collect();
        let findings = parts.store().compare_numbers(&rows).await;
        let mut found = Self {
            compared: theirs.len(),
            ..Self::default()
        };
        let mut strangers = HashSet::new();
        for finding in findings.map_err(Trouble::Store)? {
            if finding.is_ghost {
                found.ghosts.push(finding);
                continue;
            }
            strangers.insert(finding.phone_number.clone());
            let is_shared = finding
                .phone_number
                .parse()
                .is_ok_and(|number| parts.shared.contain(&number));
            match finding.friendly_name.as_deref().and_then(order_in) {
                _ if is_shared => {}
                Some(order) => found.orphans.push((order, finding)),
                None => found.others.push(finding),
            }
        }
        theirs.retain(|number| {
            !strangers.contains(&number.phone_number) && !number.is_configured_for(&parts.provisioning.urls)
        });
        found.drifted = theirs;
        Ok(found)
    }
}

/// Compares all numbers, and puts right what differs.
pub async fn compare(parts: &Parts, run: &mut Run) {
    let found = match Differences::find(parts, || run.has_time()).await {
        Ok(found) => found,
        Err(Trouble::NoTime) => {
            return run.problem(
                "numbers",
                &"there was no time for the whole list; nothing is done on half of one",
            );
        }
        Err(Trouble::Carrier(error)) => return run.carrier_problem("numbers", &error),
        Err(Trouble::Store(error)) => return run.store_problem("numbers", &error),
    };
    run.count("numbers_compared", found.compared);
    if !found.others.is_empty() {
        run.count("numbers_not_ours", found.others.len());
    }
    let unknown = found
        .orphans
        .iter()
        .filter(|(_, finding)| !finding.is_spare)
        .count();
    metrics::record(
        Metric::NumbersDiffering,
        f64::from(u32::try_from(found.ghosts.len() + unknown).unwrap_or(u32::MAX)),
    );
    for finding in &found.ghosts {
        if !run.has_time() {
            return;
        }
        if let Err(error) = ghost(parts, run, finding).await {
            run.store_problem("numbers", &error);
        }
    }
    for (order, finding) in &found.orphans {
        if !run.has_time() {
            return;
        }
        if let Err(error) = orphan(parts, run, *order, finding).await {
            run.store_problem("numbers", &error);
        }
    }
    for number in &found.drifted {
        if !run.has_time() {
            return;
        }
        repair(parts, run, number).await;
    }
}

/// Ours, but not on the carrier's list: asked for by its SID before it is believed.
async fn ghost(parts: &Parts, run: &mut Run, finding: &NumberFinding) -> Result<(), store::Error> {
    let (Some(row), Some(sid)) = (finding.phone_number_id, &finding.sid) else {
        return Ok(());
    };
    match parts.provisioning.carrier.owns_number(sid).await {
        Ok(false) => {
            parts.store().mark_ghost(row).await?;
            run.count("ghosts_marked", 1);
            tracing::error!(phone_number.id = %row, "The carrier does not have this number any more");
        }
        Ok(true) => {}
        Err(error) => run.carrier_problem("numbers", &error),
    }
    Ok(())
}

/// The carrier's, but not ours, with the name of an order of ours: it goes to that order, or back.
async fn orphan(
    parts: &Parts,
    run: &mut Run,
    order: Uuid,
    finding: &NumberFinding,
) -> Result<(), store::Error> {
    let Some(sid) = &finding.sid else { return Ok(()) };
    match parts
        .store()
        .adopt_orphan(order, &finding.phone_number, sid)
        .await?
    {
        Adoption::Adopted => {
            run.count("orphans_adopted", 1);
            return Ok(());
        }
        Adoption::Busy => return Ok(()),
        Adoption::Spare => {}
    }
    match parts.provisioning.carrier.release_number(sid).await {
        Ok(()) => {
            parts.store().release_spare(&finding.phone_number).await?;
            run.count("orphans_released", 1);
        }
        Err(error @ Carrier::Refused { .. }) => {
            parts
                .store()
                .keep_spare(&finding.phone_number, &error.told())
                .await?;
            run.count("spares_kept", 1);
        }
        Err(error) => run.carrier_problem("numbers", &error),
    }
    Ok(())
}

fn order_in(friendly_name: &str) -> Option<Uuid> {
    friendly_name
        .rsplit_once("[order ")?
        .1
        .split(']')
        .next()?
        .parse()
        .ok()
}

/// Somebody changed a number's webhooks in the dashboard: calls and messages would be lost.
async fn repair(parts: &Parts, run: &mut Run, number: &NumberRecord) {
    match parts
        .provisioning
        .carrier
        .configure_number(&number.sid, &parts.provisioning.urls)
        .await
    {
        Ok(()) => run.count("webhooks_repaired", 1),
        Err(error) => run.carrier_problem("numbers", &error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_in_names() {
        let id = Uuid::now_v7();
        assert_eq!(
            order_in(&provision_trigger::naming::friendly_name("A [order x]", id)),
            Some(id)
        );
        for name in ["Acme", "Acme [order x]", "[order "] {
            assert_eq!(order_in(name), None);
        }
    }
}
