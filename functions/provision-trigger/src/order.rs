//! One order, from wherever it stands to its number.
//!
//! 1. The order is leased: nobody else works on it.
//! 2. If an earlier try chose a number, it may have bought it: the carrier's list is read before anything else.
//! 3. Otherwise it searches, and puts the number that it chose on record.
//! 4. It asks for the purchase of just that number. Whatever comes back but a clear yes, the list decides. A number that is gone
//!    is followed by the next one, in this try or, behind the number that stands on the order, in a later one.
//! 5. The number is recorded together with the order's next state, and put into the campaign.
//!
//! A number can be bought only once, and an order asks for another one only when the carrier has refused the first and does not
//! list it as ours: so no interleaving of crashes and repeats buys two.

use crate::handler::Parts;
use crate::naming::{belongs_to, friendly_name};
use crate::shelf::Shelf;
use common::metrics::{self, Metric};
use common::signalwire::{Error as Carrier, OwnedNumber, Purchase};
use common::store::{self, Chosen, Configured, Order};
use std::time::Duration;
use uuid::Uuid;

/// Longer than the function may run (90 s), so that a lease ends only after its holder has.
const LEASE_SECONDS: f64 = 120.0;

/// A purchase that is asked for later than this into the lease might arrive after it has ended, when somebody else buys.
const PURCHASE_BEGINS_MAX: Duration = Duration::from_secs(90);

/// So long one try asks for one number after the other. What it began last, which may take a purchase and a reading of the list,
/// has to end before the function does.
const SHOPPING_MAX: Duration = Duration::from_secs(40);

pub(crate) const NO_BALANCE: &str = "the SignalWire account has no balance: top it up, then retry this order";

/// After so many tries a person is asked.
const ATTEMPTS_MAX: i32 = 12;

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nothing is left to do.
    Done,
    /// It is to be tried again.
    Retrying,
    /// A person has to act; the order says what.
    NeedsAttention,
    /// Somebody else works on it, or nothing was left to do.
    NotOurs,
    /// The carrier refuses our credentials: worth another try with new ones.
    CredentialsRefused,
}

/// Why a try stops short.
pub(crate) enum Stop {
    Store(store::Error),
    Overtaken,
    Later {
        reason: String,
        seconds: Option<u32>,
        number: Number,
    },
    Person(String),
    Credentials,
}

/// What becomes of the number on an order that is tried again later.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    /// It may have been bought.
    Open,
    /// It was not bought.
    Refused,
    /// It was not bought, and marks how far the search came: the next try begins behind it.
    Mark,
}

impl From<store::Error> for Stop {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

/// Works on an order until it has its number or has to wait. `last_credentials`: there are no newer ones to try.
///
/// # Errors
/// When the database could not keep where it stands; the order is taken up again later.
pub async fn run(parts: &Parts, id: Uuid, last_credentials: bool) -> Result<Progress, store::Error> {
    let Some(order) = parts.store.lease_order(id, Uuid::now_v7(), LEASE_SECONDS).await? else {
        return Ok(Progress::NotOurs);
    };
    match pursue(parts, &order).await {
        Ok(number) => {
            metrics::count(Metric::NumbersProvisioned);
            tracing::info!(
                workspace.id = %order.workspace_id, order.id = %order.id, phone_number = %common::domain::phone_number::mask(&number),
                "Phone number provisioned for workspace"
            );
            Ok(Progress::Done)
        }
        Err(Stop::Store(error)) => Err(error),
        Err(Stop::Overtaken) => Ok(Progress::NotOurs),
        Err(Stop::Later { reason, number, .. }) if order.attempts >= ATTEMPTS_MAX => {
            let reason =
                format!("{reason}; {ATTEMPTS_MAX} tries failed. Retry the order once the cause is gone");
            give_up(parts, &order, &reason, number != Number::Open).await
        }
        Err(Stop::Later {
            reason,
            seconds,
            number,
        }) => {
            let wait = seconds.map_or_else(|| backoff(order.attempts), f64::from);
            parts
                .store
                .save_order(
                    &order,
                    "retrying",
                    Some(&reason),
                    Some(wait),
                    number == Number::Refused,
                )
                .await?;
            metrics::count(Metric::ProvisioningFailures);
            tracing::warn!(
                workspace.id = %order.workspace_id, order.id = %order.id, reason = common::telemetry::masked(&reason),
                again_in_seconds = wait,
                "Failed to provision phone number"
            );
            Ok(Progress::Retrying)
        }
        Err(Stop::Person(reason)) => give_up(parts, &order, &reason, false).await,
        Err(Stop::Credentials) if !last_credentials => {
            parts
                .store
                .save_order(
                    &order,
                    "retrying",
                    Some("SignalWire refused our credentials"),
                    Some(0.0),
                    false,
                )
                .await?;
            Ok(Progress::CredentialsRefused)
        }
        Err(Stop::Credentials) => {
            let reason = "SignalWire refuses SIGNALWIRE_PROJECT_ID and SIGNALWIRE_TOKEN, or the token lacks the numbers scope: \
                          put working ones into the secret, then retry this order";
            give_up(parts, &order, reason, false).await
        }
    }
}

async fn give_up(
    parts: &Parts,
    order: &Order,
    reason: &str,
    forget_number: bool,
) -> Result<Progress, store::Error> {
    parts
        .store
        .save_order(order, "needs_attention", Some(reason), None, forget_number)
        .await?;
    metrics::count(Metric::ProvisioningFailures);
    tracing::error!(workspace.id = %order.workspace_id, order.id = %order.id, reason = common::telemetry::masked(reason), "Failed to provision phone number");
    Ok(Progress::NeedsAttention)
}

fn backoff(attempts: i32) -> f64 {
    (30.0 * f64::from(2_i32.saturating_pow(u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(12))))
        .min(3600.0)
}

async fn pursue(parts: &Parts, order: &Order) -> Result<String, Stop> {
    if let (Some(row), Some(number)) = (order.phone_number_id, &order.phone_number) {
        return finish(parts, order, row, number).await;
    }
    if let Some(number) = &order.phone_number {
        match find_bought(parts, order, number).await? {
            Found::Ours(owned) => return record(parts, order, &owned).await,
            // a spare that an earlier try took, or somebody else's
            Found::Foreign if order.entitled => {
                if let Some(owned) = take_spare(parts, order, number).await? {
                    return record(parts, order, &owned).await;
                }
            }
            Found::Foreign => {}
            // Not bought yet, or not listed yet: only this number may be asked for again.
            Found::Nowhere if order.entitled => {
                if let Some(owned) = buy(parts, order, number).await? {
                    return record(parts, order, &owned).await;
                }
            }
            Found::Nowhere => {}
        }
    }
    if !order.entitled {
        parts
            .store
            .save_order(
                order,
                "canceled",
                Some("the workspace no longer has a plan with numbers"),
                None,
                true,
            )
            .await?;
        return Err(Stop::Overtaken);
    }
    let code = order.area_code.as_deref().unwrap_or(&parts.default_area_code);
    let owned = match take_spare(parts, order, &format!("+1{code}")).await? {
        Some(owned) => owned,
        None => search_and_buy(parts, order, code).await?,
    };
    record(parts, order, &owned).await
}

/// A number that an earlier order bought and had no use for. From the moment it gets this order's name it is like one that this
/// order has bought.
async fn take_spare(parts: &Parts, order: &Order, prefix: &str) -> Result<Option<OwnedNumber>, Stop> {
    let Some((number, sid)) = parts.store.take_spare(order, prefix).await? else {
        return Ok(None);
    };
    let name = friendly_name(&order.workspace_name, order.id);
    let take = Purchase {
        phone_number: &number,
        friendly_name: &name,
        urls: &parts.urls,
    };
    match parts.carrier.take_over_number(&sid, &take).await {
        Ok(owned) if owned.phone_number == number => {
            tracing::info!(order.id = %order.id, "Spare number taken");
            Ok(Some(owned))
        }
        Err(error @ (Carrier::NotFound | Carrier::Refused { .. })) => {
            tracing::warn!(order.id = %order.id, %error, "Spare number cannot be taken");
            let is_gone = error == Carrier::NotFound;
            parts.store.refuse_spare(&number, &error.told(), is_gone).await?;
            Ok(None)
        }
        Ok(_) => Err(Stop::Later {
            reason: "taking a spare number: the answer was about another number".to_owned(),
            seconds: None,
            number: Number::Refused,
        }),
        Err(error) => Err(later(&error, "taking a spare number")),
    }
}

async fn search_and_buy(parts: &Parts, order: &Order, code: &str) -> Result<OwnedNumber, Stop> {
    if !parts
        .store
        .save_order(order, "searching", None, None, true)
        .await?
    {
        return Err(Stop::Overtaken);
    }
    if let Some(wanted) = &order.wanted_number {
        return buy_wanted(parts, order, wanted).await;
    }
    let mut shelf = Shelf::new(code, order.phone_number.as_deref());
    while let Some(candidate) = shelf.next(&parts.carrier).await? {
        match parts.store.choose_number(order, &candidate).await? {
            Chosen::Elsewhere => continue,
            Chosen::Overtaken => return Err(Stop::Overtaken),
            Chosen::Ours => {}
        }
        if let Some(owned) = buy(parts, order, &candidate).await? {
            return Ok(owned);
        }
        if order.leased_at.elapsed() > SHOPPING_MAX {
            return Err(Stop::Later {
                reason: "SignalWire refused one number after the other; the next try goes on behind them"
                    .to_owned(),
                seconds: None,
                number: Number::Mark,
            });
        }
    }
    parts
        .store
        .save_order(order, "searching", None, None, true)
        .await?;
    Err(Stop::Person(shelf.why_empty()))
}

/// Just this number: when it cannot be had a person chooses another one.
async fn buy_wanted(parts: &Parts, order: &Order, wanted: &str) -> Result<OwnedNumber, Stop> {
    match parts.store.choose_number(order, wanted).await? {
        Chosen::Overtaken => return Err(Stop::Overtaken),
        Chosen::Ours => {
            if let Some(owned) = buy(parts, order, wanted).await? {
                return Ok(owned);
            }
            parts
                .store
                .save_order(order, "searching", None, None, true)
                .await?;
        }
        Chosen::Elsewhere => {}
    }
    Err(Stop::Person(
        "the number that was chosen is not for sale any more: cancel this order and choose another number"
            .to_owned(),
    ))
}

enum Found {
    Ours(OwnedNumber),
    Foreign,
    Nowhere,
}

async fn find_bought(parts: &Parts, order: &Order, number: &str) -> Result<Found, Stop> {
    match parts.carrier.find_owned_number(number).await {
        Ok(Some(owned)) if belongs_to(owned.friendly_name.as_deref(), order.id) => Ok(Found::Ours(owned)),
        Ok(Some(_)) => Ok(Found::Foreign),
        Ok(None) => Ok(Found::Nowhere),
        Err(error) => Err(later(&error, "reading the list of our numbers")),
    }
}

/// Asks for one purchase. `None`: the number cannot be had, and it is certain that we did not buy it.
async fn buy(parts: &Parts, order: &Order, number: &str) -> Result<Option<OwnedNumber>, Stop> {
    if order.leased_at.elapsed() > PURCHASE_BEGINS_MAX {
        return Err(Stop::Later {
            reason: "the carrier took too long to find a number".to_owned(),
            seconds: None,
            number: Number::Open,
        });
    }
    let name = friendly_name(&order.workspace_name, order.id);
    let purchase = Purchase {
        phone_number: number,
        friendly_name: &name,
        urls: &parts.urls,
    };
    match parts.carrier.buy_number(&purchase).await {
        Ok(owned) if owned.phone_number == number => Ok(Some(owned)),
        Err(error @ Carrier::Refused { .. }) if error.is_for_want_of_balance() => {
            parts
                .store
                .save_order(order, "searching", None, None, true)
                .await?;
            Err(Stop::Person(NO_BALANCE.to_owned()))
        }
        Err(error @ (Carrier::Unauthorized { .. } | Carrier::RateLimited { .. } | Carrier::TooLate)) => {
            Err(later(&error, "the purchase"))
        }
        Ok(_) | Err(Carrier::Refused { .. } | Carrier::NotFound) => {
            // "already taken" may mean: taken by us, by a try whose answer was lost
            match find_bought(parts, order, number).await? {
                Found::Ours(owned) => Ok(Some(owned)),
                Found::Foreign | Found::Nowhere => Ok(None),
            }
        }
        Err(error @ Carrier::OutcomeUnknown(_)) => match find_bought(parts, order, number).await? {
            Found::Ours(owned) => Ok(Some(owned)),
            Found::Foreign => Ok(None),
            Found::Nowhere => Err(later(&error, "the purchase")),
        },
    }
}

async fn record(parts: &Parts, order: &Order, owned: &OwnedNumber) -> Result<String, Stop> {
    let name = friendly_name(&order.workspace_name, order.id);
    let bought = Configured {
        number: owned,
        friendly_name: &name,
        urls: &parts.urls,
        campaign: parts.campaign_id.is_some(),
        grace_days: parts.grace_days,
    };
    match parts
        .store
        .record_purchase(order, Uuid::now_v7(), &bought)
        .await?
    {
        Some(row) => finish(parts, order, row, &owned.phone_number).await,
        None => Err(Stop::Overtaken),
    }
}

/// The campaign is asked once here; what comes of it is followed by callbacks, and does not hold the order up: the number
/// takes calls at once.
async fn finish(parts: &Parts, order: &Order, row: Uuid, number: &str) -> Result<String, Stop> {
    if let Some(campaign) = &parts.campaign_id {
        metrics::correlate(&row);
        match parts
            .carrier
            .assign_to_campaign(campaign, number, &parts.urls.campaign_status(row))
            .await
        {
            Ok(assigned) => {
                let reason = "the carrier is assigning the number to the messaging campaign";
                parts
                    .store
                    .record_campaign_order(row, Some(&assigned.id), "pending", Some(reason))
                    .await?;
            }
            Err(error) => {
                let reason = format!(
                    "the number could not be put into the messaging campaign yet: {}",
                    error.told()
                );
                tracing::warn!(order.id = %order.id, %error, "Campaign assignment not accepted");
                parts
                    .store
                    .record_campaign_order(row, None, "pending", Some(&reason))
                    .await?;
            }
        }
    }
    if parts.store.save_order(order, "active", None, None, false).await? {
        Ok(number.to_owned())
    } else {
        Err(Stop::Overtaken)
    }
}

pub(crate) fn later(error: &Carrier, what: &str) -> Stop {
    match error {
        Carrier::Unauthorized { .. } => Stop::Credentials,
        Carrier::RateLimited { retry_after_seconds } => Stop::Later {
            reason: format!("{what}: {}", error.told()),
            seconds: retry_after_seconds.map(|seconds| seconds.clamp(1, 3600)),
            number: Number::Open,
        },
        _ => Stop::Later {
            reason: format!("{what}: {}", error.told()),
            seconds: None,
            number: Number::Open,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::backoff;

    #[test]
    fn waits_grow_to_an_hour() {
        assert_eq!(
            [1, 2, 3, 8, 100].map(backoff),
            [30.0, 60.0, 120.0, 3600.0, 3600.0]
        );
        assert_eq!(backoff(0), 30.0);
    }
}
