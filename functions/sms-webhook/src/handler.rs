//! The story of one message.

use common::config::{Live, Settings, StartError};
use common::ingest::{self, Hook};
use common::receiver::{Arrival, Failure, Receiver, receive};
use common::webhook::cxml::Document;
use common::webhook::reply;
use lambda_http::{Body, Request, Response};

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
        Live::start_with(settings, Receiver::from_settings)
            .await
            .map(Self)
    }

    /// Answers one webhook. A keyword that has to wait in the spool is not confirmed: what is acknowledged must bind at once.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        receive(&self.0, &request, record, |_, _| Some(Document::default())).await
    }
}

async fn record(receiver: &Receiver, arrival: Arrival<'_>) -> Result<Document, Failure> {
    let Some(Hook::Message { whatsapp }) = arrival.hook else {
        return Err(Failure::NotFound);
    };
    let form = arrival.payload.into_form()?;
    let recorded =
        ingest::message(&receiver.store, &receiver.shared, &form, whatsapp, arrival.moment).await?;
    Ok(reply::to_keyword(
        recorded.reply.as_deref(),
        recorded.workspace_name.as_deref(),
    ))
}
