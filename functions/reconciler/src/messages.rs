//! Messages and calls: those without an end are asked about, those that no webhook brought are stored.

use crate::handler::Parts;
use crate::run::Run;
use common::domain::{Party, classify, segments, status};
use common::metrics;
use common::signalwire::{CallRecord, Error as Carrier, MessageRecord};
use common::store::{self, OpenMessage};
use common::webhook::sms::{Channel, InboundMessage};
use common::webhook::status::{Report, ReportKind};
use jiff::{Span, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

/// How many rows are taken at once.
const CLAIM: i32 = 100;

/// How many pages of a thousand messages one run compares.
const PAGES_MAX: usize = 50;

/// So many pages are compared however late it is, so that runs that are always late get through the list all the same.
const PAGES_MIN: usize = 2;

/// After so many failures in a row it is the carrier that is ill, and not a message.
const FAILURES_MAX: usize = 3;

/// A send whose answer was lost may still be under way for so long; before that nobody can say that it never arrived.
const IN_FLIGHT_SECONDS: i64 = 60;

/// A message that was found must not be older than its row, but for clocks that differ.
const CLOCK_SECONDS: i64 = 120;

/// Asks about everything that waits for its end.
pub async fn sweep(parts: &Parts, run: &mut Run) {
    while run.has_time() {
        let claimed = match parts.store().claim_open_messages(CLAIM).await {
            Ok(claimed) => claimed,
            Err(error) => return run.store_problem("messages", &error),
        };
        let last = claimed.len() < CLAIM as usize;
        let mut failures = 0;
        for open in claimed {
            if !run.has_time() {
                return; // the rest is taken again when its time comes
            }
            match settle(parts, &open).await {
                Ok(is_known) => {
                    failures = 0;
                    run.count("messages_asked_about", usize::from(is_known));
                }
                Err(Stop::Store(error)) => run.store_problem("messages", &error),
                Err(Stop::Carrier(error)) => {
                    // one message that the carrier cannot show must not keep the others waiting
                    run.carrier_problem("messages", &error);
                    failures += 1;
                    let is_over = matches!(error, Carrier::Unauthorized { .. } | Carrier::RateLimited { .. });
                    if is_over || failures == FAILURES_MAX {
                        return;
                    }
                }
            }
        }
        if last {
            return;
        }
    }
}

/// Why something could not be done.
pub enum Stop {
    /// The database.
    Store(store::Error),
    /// The carrier.
    Carrier(Carrier),
}

impl From<store::Error> for Stop {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<Carrier> for Stop {
    fn from(error: Carrier) -> Self {
        Self::Carrier(error)
    }
}

async fn settle(parts: &Parts, open: &OpenMessage) -> Result<bool, Stop> {
    let Some(sid) = &open.sid else {
        return settle_unknown(parts, open).await;
    };
    let found = match open.channel.as_str() {
        "call" => parts
            .provisioning
            .carrier
            .find_call(sid)
            .await
            .map(|call| call_report(open.id, &call)),
        // WhatsApp lives in another API (FACTS 4); its callbacks are all that there is
        "whatsapp" => return Ok(false),
        _ => parts
            .provisioning
            .carrier
            .find_message(sid)
            .await
            .map(|message| message_report(open.id, &message)),
    };
    match found {
        Ok(report) => {
            parts.store().record_report(&report).await?;
            Ok(true)
        }
        Err(Carrier::NotFound) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A send whose answer was lost is looked for among what the carrier has; what it does not have after a while was never sent.
/// It is never sent again from here.
async fn settle_unknown(parts: &Parts, open: &OpenMessage) -> Result<bool, Stop> {
    let age = Timestamp::now().duration_since(open.created_at).as_secs();
    if open.direction != "outbound" || open.channel == "whatsapp" {
        return Ok(false);
    }
    let earliest = open.created_at - Span::new().seconds(CLOCK_SECONDS);
    let latest = open.created_at + Span::new().minutes(10);
    let near = |created: Option<Timestamp>| created.is_none_or(|at| at >= earliest && at <= latest);
    let carrier = &parts.provisioning.carrier;
    if open.channel == "call" {
        let first = open.connect.as_deref().unwrap_or(&open.recipient);
        for call in carrier
            .calls_between(&open.sender, first)
            .await?
            .iter()
            .filter(|call| near(call.created()))
        {
            if parts.store().settle_unknown(open.id, &call.sid).await? {
                parts.store().record_report(&call_report(open.id, call)).await?;
                return Ok(true);
            }
        }
    } else {
        let messages = carrier.messages_between(&open.sender, &open.recipient).await?;
        let same = |message: &&MessageRecord| {
            !message.is_inbound()
                && near(message.created())
                && message.body.as_deref().is_none_or(|body| body == open.body)
        };
        for message in messages.iter().filter(same) {
            if parts.store().settle_unknown(open.id, &message.sid).await? {
                parts
                    .store()
                    .record_report(&message_report(open.id, message))
                    .await?;
                return Ok(true);
            }
        }
    }
    if age >= IN_FLIGHT_SECONDS {
        parts.store().settle_never_sent(open.id).await?;
        tracing::warn!(message.id = %open.id, workspace.id = %open.workspace_id, "Message never reached the carrier");
        return Ok(true);
    }
    Ok(false)
}

fn message_report(id: Uuid, message: &MessageRecord) -> Report {
    Report {
        kind: ReportKind::Message,
        message_id: Some(id),
        sid: message.sid.clone(),
        fields: fields(message),
    }
}

fn fields(message: &MessageRecord) -> Value {
    json!({
        "status": status::message(&message.status).unwrap_or("unknown"),
        "error_code": message.error_code(),
        "segments": message.segments().filter(|count| *count > 0),
        "price": message.price(),
    })
}

fn call_report(id: Uuid, call: &CallRecord) -> Report {
    Report {
        kind: ReportKind::Call,
        message_id: Some(id),
        sid: call.sid.clone(),
        fields: json!({
            "status": status::call(&call.status).unwrap_or("unknown"),
            "duration": call.duration(),
            "price": call.price(),
        }),
    }
}

/// Reads the carrier's messages of the last two days beside ours, the newest first. A run without time for all of them leaves its place
/// to the next one, which reads the newest page and goes on there.
pub async fn compare(parts: &Parts, run: &mut Run) {
    let day = first_day();
    let mut left_at = run.take_resume();
    let mut next = None;
    for visited in 0..PAGES_MAX {
        if visited >= PAGES_MIN && !run.has_time() {
            break;
        }
        let page = match parts
            .provisioning
            .carrier
            .messages_after(&day, next.as_deref())
            .await
        {
            Ok(page) => page,
            Err(error) => return run.carrier_problem("comparison", &error),
        };
        run.count("messages_compared", page.items.len());
        let (replies, rows): (Vec<_>, Vec<_>) = page.items.iter().partition(|message| message.is_reply());
        if let Err(error) = record_replies(parts, &replies).await {
            return run.problem("comparison", &error);
        }
        let rows: Value = rows.into_iter().map(row).collect();
        match parts.store().reconcile_messages(&rows).await {
            Ok(missing) => {
                for message in page.items.iter().filter(|message| missing.contains(&message.sid)) {
                    match store_missing(parts, message).await {
                        Ok(true) => run.count("inbound_filled_in", 1),
                        Ok(false) => {}
                        Err(Stop::Store(error)) => run.store_problem("comparison", &error),
                        Err(Stop::Carrier(error)) => run.carrier_problem("comparison", &error),
                    }
                }
            }
            Err(error) => return run.store_problem("comparison", &error),
        }
        next = left_at.take().or(page.next);
        if next.is_none() {
            return;
        }
    }
    run.resume_at(next);
}

/// How many inbound messages [`compare`] would store, and whether it was the whole list.
pub async fn missing(parts: &Parts) -> Result<(usize, bool), Stop> {
    let day = first_day();
    let (mut missing, mut next) = (0, None);
    for _ in 0..PAGES_MAX {
        let page = parts.provisioning.carrier.messages_after(&day, next.as_deref());
        let page = page.await?;
        let rows: Value = page
            .items
            .iter()
            .filter(|message| !message.is_reply())
            .map(row)
            .collect();
        missing += parts.store().preview_messages(&rows).await?.len();
        next = page.next;
        if next.is_none() {
            return Ok((missing, true));
        }
    }
    Ok((missing, false))
}

/// Where the comparison of messages begins, by the carrier's calendar.
fn first_day() -> String {
    let first = Timestamp::now() - Span::new().hours(48);
    first.strftime("%Y-%m-%d").to_string()
}

/// The carrier sent these as answers of our webhooks; they have no row of ours, but they have a price.
async fn record_replies(parts: &Parts, replies: &[&MessageRecord]) -> Result<(), store::Error> {
    if replies.is_empty() {
        return Ok(());
    }
    let rows: Value = replies
        .iter()
        .map(|message| {
            let mut row = row(message);
            row["from"] = json!(message.from);
            row["to"] = json!(message.to);
            row["created_at"] = json!(message.created());
            row
        })
        .collect();
    parts.store().record_reply_charges(&rows).await
}

fn row(message: &MessageRecord) -> Value {
    let mut row = fields(message);
    row["sid"] = json!(message.sid);
    row["inbound"] = json!(message.is_inbound());
    row
}

/// An inbound message that no webhook brought, stored as its webhook would have been.
async fn store_missing(parts: &Parts, message: &MessageRecord) -> Result<bool, Stop> {
    let (Ok(business), Ok(customer)) = (message.to.parse(), Party::of_message(&message.from)) else {
        return Ok(false);
    };
    let attachments = if message.media() > 0 {
        parts.provisioning.carrier.media_of(&message.sid).await?
    } else {
        json!([])
    };
    let body = message.body.clone().unwrap_or_default().replace('\0', "\u{fffd}");
    let inbound = InboundMessage {
        sid: message.sid.clone(),
        channel: Channel::Sms,
        business,
        customer,
        attachments,
        segments: message.segments().unwrap_or_else(|| segments::count(&body)),
        keyword: classify(&body),
        body,
    };
    let shared = parts.shared.contain(&inbound.business);
    let at = message.created().unwrap_or_else(Timestamp::now);
    let id = Uuid::now_v7();
    let recorded = parts
        .store()
        .record_inbound_message(id, &inbound, shared, at)
        .await?;
    let row = recorded.message_id.unwrap_or(id);
    metrics::correlate(&row);
    // the invocation's line has room for a few ids; this one is found by its own line however many there are
    tracing::warn!(
        message.id = %row, correlation_id = %row, message.sid = %inbound.sid, outcome = ?recorded.outcome,
        "Inbound message filled in: no webhook brought it"
    );
    Ok(true)
}
