//! The story of one report.

use crate::read::{Told, read};
use common::config::{Live, Settings, StartError};
use common::receiver::{Failure, Receiver, receive};
use common::webhook::Payload;
use common::webhook::cxml::Document;
use lambda_http::{Body, Request, RequestExt, Response};
use std::sync::Arc;

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

    /// Answers one callback.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        let path = request.raw_http_path();
        let query = request.uri().query().unwrap_or("");
        receive(&self.0, &request, |receiver, payload| record(receiver, payload, path, query)).await
    }
}

async fn record(receiver: Arc<Receiver>, payload: Payload, path: &str, query: &str) -> Result<Document, Failure> {
    match read(&payload, path, query)? {
        Told::Report(report) => {
            let known = receiver.store.record_report(&report).await?;
            let status = report.fields["status"].as_str().unwrap_or("");
            if known {
                tracing::info!(sid = %report.sid, kind = ?report.kind, status, "Status recorded");
            } else {
                tracing::warn!(sid = %report.sid, kind = ?report.kind, status, "Status parked: nobody knows this SID yet");
            }
        }
        Told::Readiness { phone_number, readiness, reason } => {
            receiver.store.record_readiness(&phone_number, readiness, reason).await?;
            tracing::info!(readiness, "Messaging readiness recorded");
        }
        Told::Nothing => tracing::info!("Campaign event noted"),
    }
    Ok(Document::default())
}
