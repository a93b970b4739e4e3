//! The story of one call.

use crate::script;
use common::config::{Live, Settings, StartError};
use common::receiver::{Failure, Receiver, receive};
use common::store::{CallRoute, Outcome, Report, ReportKind};
use common::webhook::cxml::{Document, Verb};
use common::webhook::voice::{DialResult, InboundCall};
use common::webhook::{Form, Payload};
use lambda_http::{Body, Request, RequestExt, Response};
use serde_json::json;
use std::sync::Arc;
use uuid::Uuid;

/// The function.
pub struct App(Live<Receiver>);

/// Which of its webhooks is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    InboundCall,
    DialResult,
    RecordingDone,
    Outbound(Uuid),
    Unknown,
}

impl Route {
    fn of(path: &str) -> Self {
        let Some((_, tail)) = path.trim_end_matches('/').split_once("/voice") else { return Self::Unknown };
        match tail {
            "" => Self::InboundCall,
            "/dial-result" => Self::DialResult,
            "/recording-done" => Self::RecordingDone,
            _ => tail.strip_prefix("/outbound/").and_then(|id| id.parse().ok()).map_or(Self::Unknown, Self::Outbound),
        }
    }
}

impl App {
    /// Starts from the environment.
    ///
    /// # Errors
    /// A setting, by name.
    pub async fn start() -> Result<Self, StartError> {
        Live::start(Receiver::from_settings).await.map(Self)
    }

    /// Starts from given settings.
    ///
    /// # Errors
    /// A setting, by name.
    pub async fn start_with(settings: Settings) -> Result<Self, StartError> {
        Live::start_with(settings, Receiver::from_settings).await.map(Self)
    }

    /// Answers one webhook.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        let route = Route::of(request.raw_http_path());
        receive(&self.0, &request, |receiver, payload| async move {
            let form = payload_form(payload)?;
            match route {
                Route::InboundCall => inbound(&receiver, &form).await,
                Route::DialResult => dial_result(&receiver, &form).await,
                Route::RecordingDone => recording_done(&receiver, &form).await,
                Route::Outbound(message) => outbound(receiver, message).await,
                Route::Unknown => Err(Failure::NotFound),
            }
        })
        .await
    }
}

fn payload_form(payload: Payload) -> Result<Form, Failure> {
    Ok(payload.into_form()?)
}

async fn inbound(receiver: &Receiver, form: &Form) -> Result<Document, Failure> {
    let call = InboundCall::read(form)?;
    let shared = receiver.shared.contain(&call.business);
    let route = receiver.store.record_inbound_call(Uuid::now_v7(), &call, shared, jiff::Timestamp::now()).await?;
    log(&call, &route);
    Ok(script::answer(&route, &call.sid, call.business.as_str(), receiver.gate.app_url()))
}

async fn dial_result(receiver: &Receiver, form: &Form) -> Result<Document, Failure> {
    let result = DialResult::read(form)?;
    let outcome = receiver.store.record_dial_result(&result).await?;
    tracing::info!(call.sid = %result.call_sid, answered = result.was_answered(), "Forwarded call ended");
    if result.was_answered() {
        return Ok(Document(vec![Verb::Hangup]));
    }
    Ok(script::voicemail(
        outcome.greeting.as_deref(),
        outcome.workspace_name.as_deref(),
        &result.call_sid,
        receiver.gate.app_url(),
    ))
}

/// The recording's URL is here already; its status callback says the same again, and comes even when the caller hung up
/// (FACTS 7).
async fn recording_done(receiver: &Receiver, form: &Form) -> Result<Document, Failure> {
    let sid = form.require_sid("CallSid")?;
    if let Some(url) = form.get("RecordingUrl").filter(|url| !url.is_empty()) {
        let report = Report {
            kind: ReportKind::Recording,
            message_id: None,
            sid,
            fields: json!({ "status": "completed", "url": url, "recording_sid": form.get("RecordingSid") }),
        };
        receiver.store.record_report(&report).await?;
    }
    Ok(Document(vec![Verb::Hangup]))
}

async fn outbound(receiver: Arc<Receiver>, message: Uuid) -> Result<Document, Failure> {
    match receiver.store.find_call_script(message).await? {
        Some(script) => Ok(script::outbound(&script)),
        None => Err(Failure::NotFound),
    }
}

fn log(call: &InboundCall, route: &CallRoute) {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes() {
        let base = "/api/webhooks/signalwire/voice";
        let id = Uuid::nil();
        for (tail, route) in [
            ("", Route::InboundCall),
            ("/", Route::InboundCall),
            ("/dial-result", Route::DialResult),
            ("/recording-done", Route::RecordingDone),
            ("/outbound/00000000-0000-0000-0000-000000000000", Route::Outbound(id)),
            ("/outbound/x", Route::Unknown),
            ("/else", Route::Unknown),
        ] {
            assert_eq!(Route::of(&format!("{base}{tail}")), route, "{tail}");
        }
        assert_eq!(Route::of("/elsewhere"), Route::Unknown);
    }
}
