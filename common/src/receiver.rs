//! What the functions that the carrier calls have in common: the gate, the database, the answer when something fails.

use crate::config::{ConfigError, Live, Settings, SharedNumbers};
use crate::http::{self, RawRequest};
use crate::store::{self, Store};
use crate::webhook::cxml::Document;
use crate::webhook::{Gate, Payload, Rejection};
use lambda_http::{Body, Request, Response};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// The carrier reads for 5 s, and every answer leaves within 4.5 s: what is left of that for the database, beside a look at
/// the secret (1 s at most).
const STORE_BUDGET: Duration = Duration::from_millis(3200);

/// What a webhook function is made of.
pub struct Receiver {
    /// Who gets in.
    pub gate: Gate,
    /// Where it is kept.
    pub store: Store,
    /// Numbers that several workspaces use.
    pub shared: SharedNumbers,
}

impl Receiver {
    /// Reads the settings.
    ///
    /// # Errors
    /// Missing or malformed.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        Ok(Self {
            gate: Gate::from_settings(settings)?,
            store: Store::from_settings(settings, STORE_BUDGET)?,
            shared: settings.shared_numbers()?,
        })
    }
}

/// Why a webhook is not answered with a 2xx.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It was not let in, or is not what the carrier documents.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// It could not be stored: the carrier is to turn to the fallback URL.
    #[error(transparent)]
    NotStored(#[from] store::Error),
    /// There is nothing at this path.
    #[error("there is nothing at this path")]
    NotFound,
}

impl Failure {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Rejected(rejection) => rejection.status(),
            Self::NotStored(_) => 503,
            Self::NotFound => 404,
        }
    }

    /// A stable name for logs and counts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Rejected(rejection) => rejection.code(),
            Self::NotStored(_) => "not_stored",
            Self::NotFound => "not_found",
        }
    }

    fn to_response(&self) -> Response<Body> {
        match self {
            Self::Rejected(Rejection::Malformed { .. }) => http::cxml(400, &Document::default()),
            _ => http::plain(self.status(), ""),
        }
    }
}

/// Verifies a webhook and hands it to `work`, whose document is the answer. When the database refuses our credentials, the
/// secret is read again and the work is done once more: a password that was changed costs no message.
pub async fn receive<W, F>(live: &Live<Receiver>, request: &Request, work: W) -> Response<Body>
where
    W: Fn(Arc<Receiver>, Payload) -> F,
    F: Future<Output = Result<Document, Failure>>,
{
    match attempt(live, request, work).await {
        Ok(document) => http::cxml(200, &document),
        Err(failure) => {
            if matches!(failure, Failure::NotStored(_)) {
                tracing::error!(code = failure.code(), error = %failure, "Webhook could not be stored");
            } else {
                tracing::warn!(code = failure.code(), error = %failure, "Webhook refused");
            }
            failure.to_response()
        }
    }
}

async fn attempt<W, F>(live: &Live<Receiver>, request: &Request, work: W) -> Result<Document, Failure>
where
    W: Fn(Arc<Receiver>, Payload) -> F,
    F: Future<Output = Result<Document, Failure>>,
{
    let receiver = live.get().await;
    let payload = receiver.gate.open(&RawRequest::of(request))?;
    match work(receiver.clone(), payload.clone()).await {
        Err(Failure::NotStored(store::Error::Credentials(code))) => match live.renewed(&receiver).await {
            Some(renewed) => work(renewed, payload).await,
            None => Err(store::Error::Credentials(code).into()),
        },
        result => result,
    }
}
