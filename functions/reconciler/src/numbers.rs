//! The carrier's numbers beside ours: orphans, ghosts, drift.

use crate::handler::Parts;
use crate::run::Run;
use common::metrics::{self, Metric};
use common::signalwire::{Error as Carrier, NumberRecord};
use common::store::{self, Adoption, NumberFinding};
use serde_json::{Value, json};
use uuid::Uuid;

/// A thousand numbers a page; a project has a thousand by default (FACTS 1).
const PAGES_MAX: usize = 50;

/// Compares all numbers. Nothing is done on half a list.
pub async fn compare(parts: &Parts, run: &mut Run) {
    let mut theirs: Vec<NumberRecord> = Vec::new();
    let mut next = None;
    for page_number in 0.. {
        if page_number == PAGES_MAX || !run.has_time() {
            return run.problem(
                "numbers",
                &"there was no time for the whole list; nothing is done on half of one",
            );
        }
        match parts.provisioning.carrier.owned_numbers(next.as_deref()).await {
            Ok(page) => {
                theirs.extend(page.items);
                next = page.next;
            }
            Err(error) => return run.carrier_problem("numbers", &error),
        }
        if next.is_none() {
            break;
        }
    }
    run.count("numbers_compared", theirs.len());
    let rows: Value = theirs
        .iter()
        .map(|number| json!({ "phone_number": number.phone_number, "sid": number.sid, "friendly_name": number.friendly_name }))
        .collect();
    let findings = match parts.store().compare_numbers(&rows).await {
        Ok(findings) => findings,
        Err(error) => return run.store_problem("numbers", &error),
    };
    for finding in &findings {
        if !run.has_time() {
            return;
        }
        let done = if finding.is_ghost {
            ghost(parts, run, finding).await
        } else {
            orphan(parts, run, finding).await
        };
        if let Err(error) = done {
            run.store_problem("numbers", &error);
        }
    }
    // what the project has besides us is no difference
    let differing = findings
        .iter()
        .filter(|finding| finding.is_ghost || is_ours(parts, finding))
        .count();
    metrics::record(
        Metric::NumbersDiffering,
        f64::from(u32::try_from(differing).unwrap_or(u32::MAX)),
    );
    let orphans: Vec<&str> = findings
        .iter()
        .filter(|f| !f.is_ghost)
        .map(|f| f.phone_number.as_str())
        .collect();
    for number in theirs
        .iter()
        .filter(|number| !orphans.contains(&number.phone_number.as_str()))
    {
        if !run.has_time() {
            return;
        }
        repair(parts, run, number).await;
    }
}

/// Whether a number that nobody here knows carries an order of ours.
fn is_ours(parts: &Parts, finding: &NumberFinding) -> bool {
    let is_shared = finding
        .phone_number
        .parse()
        .is_ok_and(|number| parts.shared.contain(&number));
    !is_shared && finding.friendly_name.as_deref().and_then(order_in).is_some()
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

/// The carrier's, but not ours. One that carries an order of ours goes to that order, or back; any other one is none of our
/// business: the project may have other uses.
async fn orphan(parts: &Parts, run: &mut Run, finding: &NumberFinding) -> Result<(), store::Error> {
    let is_shared = finding
        .phone_number
        .parse()
        .is_ok_and(|number| parts.shared.contain(&number));
    let Some(order) = finding.friendly_name.as_deref().and_then(order_in) else {
        if !is_shared {
            run.count("numbers_not_ours", 1);
        }
        return Ok(());
    };
    if is_shared {
        return Ok(());
    }
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
                .keep_spare(&finding.phone_number, &error.to_string())
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
    if number.is_configured_for(&parts.provisioning.urls) {
        return;
    }
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
