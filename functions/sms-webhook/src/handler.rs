//! The story of one message.

use common::config::{Live, Settings, StartError};
use common::receiver::{Failure, Receiver, receive};
use common::store::{Outcome, Recorded};
use common::webhook::cxml::Document;
use common::webhook::sms::InboundMessage;
use common::webhook::{Payload, reply};
use lambda_http::{Body, Request, RequestExt, Response};
use std::sync::Arc;
use uuid::Uuid;

/// The function.
pub struct App(Live<Receiver>);

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
        let whatsapp_path = request.raw_http_path().trim_end_matches('/').ends_with("/whatsapp");
        receive(&self.0, &request, |receiver, payload| record(receiver, payload, whatsapp_path)).await
    }
}

async fn record(receiver: Arc<Receiver>, payload: Payload, whatsapp_path: bool) -> Result<Document, Failure> {
    let message = InboundMessage::read(&payload.into_form()?, whatsapp_path)?;
    let shared = receiver.shared.contain(&message.business);
    let recorded =
        receiver.store.record_inbound_message(Uuid::now_v7(), &message, shared, jiff::Timestamp::now()).await?;
    log(&message, &recorded);
    Ok(reply::to_keyword(recorded.reply.as_deref(), recorded.workspace_name.as_deref()))
}

fn log(message: &InboundMessage, recorded: &Recorded) {
    let channel = message.channel.as_str();
    match (recorded.outcome, recorded.workspace_id) {
        (Outcome::Unrouted | Outcome::UnroutedDuplicate, _) => tracing::warn!(
            message.sid = %message.sid, channel, to = %message.business.masked(),
            "SignalWire webhook: No workspace found for phone number"
        ),
        (outcome, Some(workspace)) => tracing::info!(
            message.sid = %message.sid, channel, workspace.id = %workspace,
            duplicate = outcome == Outcome::Duplicate, reply = recorded.reply, "Inbound message stored"
        ),
        (_, None) => {}
    }
}
