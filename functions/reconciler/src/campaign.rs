//! Numbers that cannot text yet: asked for again where the campaign was never asked, and followed where no callback came.

use crate::handler::Parts;
use crate::run::Run;
use common::metrics;
use common::signalwire::Assignment;
use common::store;
use uuid::Uuid;

/// How many numbers one run looks at.
const BATCH: i64 = 200;

/// Follows what the campaign did with our numbers. Without a campaign there is nothing to follow; once a night, numbers that the
/// carrier refused for want of one may try again.
pub async fn poll(parts: &Parts, run: &mut Run, is_nightly: bool) {
    let Some(campaign) = &parts.provisioning.campaign_id else {
        if is_nightly {
            match parts.store().lift_refusals().await {
                Ok(0) => {}
                Ok(lifted) => run.count("refusals_lifted", usize::try_from(lifted).unwrap_or(0)),
                Err(error) => run.store_problem("campaign", &error),
            }
        }
        return;
    };
    let waiting = match parts.store().pending_readiness(BATCH).await {
        Ok(waiting) if waiting.is_empty() => return,
        Ok(waiting) => waiting,
        Err(error) => return run.store_problem("campaign", &error),
    };
    let carrier = &parts.provisioning.carrier;
    let assigned = match carrier.campaign_numbers(campaign).await {
        Ok(assigned) => assigned,
        Err(error) => return run.carrier_problem("campaign", &error),
    };
    for (row, number, asked) in waiting {
        if !run.has_time() {
            return;
        }
        let mut states = assigned
            .iter()
            .filter(|assignment| assignment.phone_number == number)
            .map(Assignment::readiness);
        let first = states.next();
        let known = states.find(|(readiness, _)| *readiness == "ready").or(first);
        let mut written = Ok(());
        if let Some((readiness, reason)) = known {
            if readiness != "pending" {
                run.count("readiness_settled", 1);
            }
            written = parts.store().record_readiness(&number, readiness, reason).await;
        }
        if !asked && known.is_none_or(|(readiness, _)| readiness != "ready") && written.is_ok() {
            written = ask(parts, run, campaign, row, &number).await;
        }
        if let Err(error) = written {
            run.store_problem("campaign", &error);
        }
    }
}

/// Asks for a number to be put into the campaign, which is safe to repeat.
async fn ask(
    parts: &Parts,
    run: &mut Run,
    campaign: &str,
    row: Uuid,
    number: &str,
) -> Result<(), store::Error> {
    let provisioning = &parts.provisioning;
    let callback = provisioning.urls.campaign_status(row);
    match provisioning
        .carrier
        .assign_to_campaign(campaign, number, &callback)
        .await
    {
        Ok(order) => {
            metrics::correlate(&row);
            run.count("campaign_assignments_asked", 1);
            let reason = "the carrier is assigning the number to the messaging campaign";
            parts
                .store()
                .record_campaign_order(row, Some(&order.id), "pending", Some(reason))
                .await
        }
        Err(error) => {
            run.carrier_problem("campaign", &error);
            Ok(())
        }
    }
}
