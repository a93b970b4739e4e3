//! What each of the carrier's webhooks stores. The functions that answer them and the one that stores them later use just this,
//! so a webhook has the same effect whenever it is stored, and however often.

use crate::config::SharedNumbers;
use crate::domain::destination::AllowedCountries;
use crate::metrics::{self, Metric};
use crate::receiver::Failure;
use crate::store::{CallRoute, DialOutcome, Outcome, Recorded, Store};
use crate::webhook::sms::InboundMessage;
use crate::webhook::status::{Report, ReportKind, Told, read};
use crate::webhook::voice::{DialResult, InboundCall};
use crate::webhook::{Form, Payload};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

/// Below this path lie all of the carrier's webhooks.
pub const BASE: &str = "/api/webhooks/signalwire";

/// Which webhook is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// A message arrived; on the WhatsApp route or not.
    Message {
        /// `…/whatsapp`
        whatsapp: bool,
    },
    /// Somebody calls.
    Call,
    /// The forwarded leg of a call ended.
    DialResult,
    /// Voicemail was left.
    RecordingDone,
    /// A call of ours was answered and asks what to do. Stores nothing.
    CallScript(Uuid),
    /// A status callback of any kind.
    Status,
}

impl Hook {
    /// The webhook at a raw path.
    pub fn at(path: &str) -> Option<Self> {
        let (_, tail) = path.trim_end_matches('/').split_once(BASE)?;
        Some(match tail {
            "/sms" => Self::Message { whatsapp: false },
            "/whatsapp" => Self::Message { whatsapp: true },
            "/voice" => Self::Call,
            "/voice/dial-result" => Self::DialResult,
            "/voice/recording-done" => Self::RecordingDone,
            "/status" => Self::Status,
            _ if tail.starts_with("/status/") => Self::Status,
            _ => Self::CallScript(tail.strip_prefix("/voice/outbound/")?.parse().ok()?),
        })
    }
}

/// What an operator has settled, and a call is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Policy<'a> {
    /// Numbers that several workspaces use.
    pub shared: &'a SharedNumbers,
    /// Where something may be sent to.
    pub countries: &'a AllowedCountries,
}

/// The arrival of a webhook: what is stored later keeps both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// What its row is called, and what to search the logs and the spool for.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
}

impl Moment {
    /// Now.
    pub fn now() -> Self {
        Self {
            id: Uuid::now_v7(),
            at: Timestamp::now(),
        }
    }
}

/// Stores a message.
///
/// # Errors
/// Malformed, or not stored.
pub async fn message(
    store: &Store,
    shared: &SharedNumbers,
    form: &Form,
    whatsapp: bool,
    moment: Moment,
) -> Result<Recorded, Failure> {
    let message = InboundMessage::read(form, whatsapp)?;
    let is_shared = shared.contain(&message.business);
    let recorded = store
        .record_inbound_message(moment.id, &message, is_shared, moment.at)
        .await?;
    arrived(Metric::InboundMessages, recorded.outcome, recorded.message_id);
    match recorded.workspace_id {
        None => tracing::warn!(
            message.sid = %message.sid, channel = message.channel.as_str(), to = %message.business.masked(),
            "SignalWire webhook: No workspace found for phone number"
        ),
        Some(workspace) => tracing::info!(
            message.sid = %message.sid, channel = message.channel.as_str(), workspace.id = %workspace,
            duplicate = recorded.outcome == Outcome::Duplicate, reply = recorded.reply, "Inbound message stored"
        ),
    }
    Ok(recorded)
}

/// Stores a call, and says where it goes.
///
/// # Errors
/// Malformed, or not stored.
pub async fn call(
    store: &Store,
    policy: Policy<'_>,
    form: &Form,
    moment: Moment,
) -> Result<(InboundCall, CallRoute), Failure> {
    let call = InboundCall::read(form)?;
    let is_shared = policy.shared.contain(&call.business);
    // whoever is not reached may be texted back, where any other text may go
    let caller = call.customer.as_str().parse();
    let may_text = caller.is_ok_and(|caller| policy.countries.check(&caller).is_ok());
    let route = store
        .record_inbound_call(moment.id, &call, is_shared, may_text, moment.at)
        .await?;
    arrived(Metric::InboundCalls, route.outcome, route.message_id);
    match route.workspace_id {
        None => tracing::warn!(
            call.sid = %call.sid, to = %call.business.masked(),
            "SignalWire webhook: No workspace found for phone number"
        ),
        Some(workspace) => tracing::info!(
            call.sid = %call.sid, workspace.id = %workspace, forwarded = !route.forward_to.is_empty(),
            duplicate = route.outcome == Outcome::Duplicate, "Inbound call stored"
        ),
    }
    Ok((call, route))
}

/// Repeats count once, and the row that they found is what they are about.
fn arrived(metric: Metric, outcome: Outcome, row: Option<Uuid>) {
    if let Some(row) = row {
        metrics::correlate_only(&row);
    }
    if matches!(outcome, Outcome::Recorded | Outcome::Unrouted) {
        metrics::count(metric);
    }
    if outcome == Outcome::Unrouted {
        metrics::count(Metric::Unrouted);
    }
}

/// Keeps how a forwarded leg ended.
///
/// # Errors
/// Malformed, or not stored.
pub async fn dial_result(store: &Store, form: &Form) -> Result<(DialResult, DialOutcome), Failure> {
    let result = DialResult::read(form)?;
    let outcome = store.record_dial_result(&result).await?;
    tracing::info!(call.sid = %result.call_sid, answered = result.was_answered(), "Forwarded call ended");
    Ok((result, outcome))
}

/// Keeps a voice message's URL: it is here already, and its status callback, which says the same again, comes even when the caller
/// hung up (FACTS 7).
///
/// # Errors
/// Malformed, or not stored.
pub async fn recording_done(store: &Store, form: &Form) -> Result<(), Failure> {
    let sid = form.require_sid("CallSid")?;
    if let Some(url) = form.get("RecordingUrl").filter(|url| !url.is_empty()) {
        let recording_sid = form.get("RecordingSid").filter(|sid| !sid.is_empty());
        let fields = json!({ "status": "completed", "url": url, "recording_sid": recording_sid });
        store
            .record_report(&Report {
                kind: ReportKind::Recording,
                message_id: None,
                sid,
                fields,
            })
            .await?;
    }
    Ok(())
}

/// A status as the log may show it: a word of the carrier's own, whatever stands in the field.
fn word(status: &str) -> &'static str {
    use crate::domain::status::{call, message};
    message(status).or_else(|| call(status)).unwrap_or("other")
}

/// Keeps a status callback.
///
/// # Errors
/// Malformed, or not stored.
pub async fn status(store: &Store, payload: &Payload, path: &str, query: &str) -> Result<(), Failure> {
    match read(payload, path, query)? {
        Told::Report(report) => {
            if let Some(message) = report.message_id {
                metrics::correlate_only(&message);
            }
            let known = store.record_report(&report).await?;
            let status = report.fields["status"].as_str().unwrap_or("");
            if report.kind == ReportKind::Message {
                match status {
                    "delivered" => metrics::count(Metric::MessagesDelivered),
                    "undelivered" | "failed" => metrics::count(Metric::MessagesUndelivered),
                    _ => {}
                }
            }
            if known {
                tracing::info!(sid = %report.sid, kind = report.kind.as_str(), status = word(status), "Status recorded");
            } else {
                tracing::warn!(sid = %report.sid, kind = report.kind.as_str(), status = word(status), "Status parked: nobody knows this SID yet");
            }
        }
        Told::Readiness {
            phone_number,
            readiness,
            reason,
            number_id,
        } => {
            if let Some(number) = number_id {
                metrics::correlate_only(&number);
            }
            store.record_readiness(&phone_number, readiness, reason).await?;
            tracing::info!(readiness, "Messaging readiness recorded");
        }
        Told::Nothing => tracing::info!("Callback noted: nothing here depends on it"),
    }
    Ok(())
}

/// Stores a webhook whose answer nobody waits for any more.
///
/// # Errors
/// Malformed, or not stored; [`Failure::NotFound`] for what stores nothing.
pub async fn later(
    store: &Store,
    policy: Policy<'_>,
    hook: Hook,
    payload: Payload,
    path: &str,
    query: &str,
    moment: Moment,
) -> Result<(), Failure> {
    match hook {
        Hook::Status => status(store, &payload, path, query).await,
        Hook::Message { whatsapp } => message(store, policy.shared, &payload.into_form()?, whatsapp, moment)
            .await
            .map(|_| ()),
        Hook::Call => call(store, policy, &payload.into_form()?, moment)
            .await
            .map(|_| ()),
        Hook::DialResult => dial_result(store, &payload.into_form()?).await.map(|_| ()),
        Hook::RecordingDone => recording_done(store, &payload.into_form()?).await,
        Hook::CallScript(_) => Err(Failure::NotFound),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks() {
        for (tail, hook) in [
            ("/sms", Some(Hook::Message { whatsapp: false })),
            ("/sms/", Some(Hook::Message { whatsapp: false })),
            ("/whatsapp", Some(Hook::Message { whatsapp: true })),
            ("/voice", Some(Hook::Call)),
            ("/voice/dial-result", Some(Hook::DialResult)),
            ("/voice/recording-done", Some(Hook::RecordingDone)),
            (
                "/voice/outbound/00000000-0000-0000-0000-000000000000",
                Some(Hook::CallScript(Uuid::nil())),
            ),
            ("/voice/outbound/x", None),
            ("/voice/else", None),
            ("/status", Some(Hook::Status)),
            ("/status/anything", Some(Hook::Status)),
            ("", None),
        ] {
            assert_eq!(Hook::at(&format!("{BASE}{tail}")), hook, "{tail}");
        }
        assert_eq!(Hook::at("/elsewhere"), None);
    }
}
