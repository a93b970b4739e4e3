//! The story of one report.

use common::config::{Live, Settings, StartError};
use common::ingest;
use common::receiver::{Arrival, Receiver, receive};
use common::webhook::cxml::Document;
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

    /// Answers one callback.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        let record = async |receiver: &Receiver, arrival: Arrival<'_>| {
            ingest::status(&receiver.store, &arrival.payload, arrival.path, arrival.query).await?;
            Ok(Document::default())
        };
        receive(&self.0, &request, record, |_, _| Some(Document::default())).await
    }
}
