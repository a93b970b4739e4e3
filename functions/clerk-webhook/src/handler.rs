//! The story of one Clerk webhook.

use crate::translate::{Malformed, translate};
use common::config::{ConfigError, Live, Settings, StartError};
use common::http::{self, Problem, RawRequest};
use common::metrics::{self, Metric};
use common::queue::{Queue, QueueError};
use lambda_http::http::HeaderMap;
use lambda_http::{Body, Request, Response};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

/// Clerk's events are far shorter.
const BODY_BYTES_MAX: usize = 64 * 1024;

struct Parts {
    webhook: Webhook,
    enforced: bool,
    queue: Queue,
}

impl Parts {
    fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        const NAME: &str = "CLERK_WEBHOOK_SECRET";
        let secret = settings.required(NAME)?;
        let bytes = secret.strip_prefix("whsec_").filter(|rest| !rest.is_empty());
        let webhook = bytes.and_then(|_| Webhook::new(secret).ok());
        let enforced = match settings.optional("WEBHOOK_SIGNATURES") {
            None | Some("required") => true,
            Some("off") if settings.app_url()?.is_loopback() => false,
            Some("off") => {
                return Err(ConfigError::malformed(
                    "WEBHOOK_SIGNATURES",
                    "`off` is for a loopback APP_URL only",
                ));
            }
            Some(_) => {
                return Err(ConfigError::malformed(
                    "WEBHOOK_SIGNATURES",
                    "it is `required` or `off`",
                ));
            }
        };
        Ok(Self {
            webhook: webhook.ok_or_else(|| ConfigError::malformed(NAME, "whsec_ and base64 are expected"))?,
            enforced,
            queue: Queue::from_settings(settings, "PROVISIONING_QUEUE_URL")?,
        })
    }
}

/// Why a webhook is not answered with 200.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the body is longer than 64 kB")]
    TooLarge,
    #[error("the signature is missing, old or wrong")]
    Unsigned,
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl Failure {
    fn to_response(&self) -> Response<Body> {
        match self {
            Self::TooLarge => Problem::new(413, "too_large", self.to_string()).to_response(),
            Self::Unsigned => Problem::new(401, "unauthorized", self.to_string()).to_response(),
            Self::Malformed(malformed) => Problem::new(400, "bad_request", self.to_string())
                .with("field", malformed.0)
                .to_response(),
            Self::Queue(_) => Problem::new(503, "not_queued", "try again later").to_response(),
        }
    }
}

/// The function.
pub struct App(Live<Parts>);

impl App {
    /// Starts from the environment.
    ///
    /// # Errors
    /// A setting, by name.
    pub async fn start() -> Result<Self, StartError> {
        Live::start(Parts::from_settings).await.map(Self)
    }

    /// Starts from given settings.
    ///
    /// # Errors
    /// A setting, by name.
    pub async fn start_with(settings: Settings) -> Result<Self, StartError> {
        Live::start_with(settings, Parts::from_settings).await.map(Self)
    }

    /// Answers one webhook.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        let parts = self.0.get().await;
        match receive(&parts, &RawRequest::of(&request)).await {
            Ok(queued) => http::json(200, &json!({ "queued": queued })),
            Err(failure) => {
                if matches!(failure, Failure::Queue(_)) {
                    tracing::error!(error = %failure, "Clerk event could not be queued");
                } else {
                    if matches!(failure, Failure::Unsigned) {
                        metrics::count(Metric::SignatureRefused);
                    }
                    tracing::warn!(error = %failure, "Clerk webhook refused");
                }
                failure.to_response()
            }
        }
    }
}

async fn receive(parts: &Parts, request: &RawRequest<'_>) -> Result<bool, Failure> {
    if request.body.len() > BODY_BYTES_MAX {
        return Err(Failure::TooLarge);
    }
    let headers = standard_headers(request.headers);
    if parts.enforced {
        parts
            .webhook
            .verify(request.body, &headers)
            .map_err(|_| Failure::Unsigned)?;
    }
    let body: Value = serde_json::from_slice(request.body).map_err(|_| Malformed("body"))?;
    let message_id = headers
        .get("webhook-id")
        .and_then(|id| id.to_str().ok())
        .filter(|id| !id.is_empty() && id.len() <= 200);
    let message_id = match message_id {
        Some(id) => id.to_owned(),
        None => format!("unsigned-{}", body["data"]["id"].as_str().unwrap_or("")),
    };
    metrics::correlate(&message_id);
    let Some(event) = translate(&message_id, &body)? else {
        tracing::info!(message.id = %message_id, "Clerk event means nothing here");
        return Ok(false);
    };
    parts.queue.send(&json!(event).to_string()).await?;
    tracing::info!(message.id = %message_id, kind = ?event.kind, workspace.id = %event.workspace.id, "Clerk event queued");
    Ok(true)
}

/// Clerk sends `svix-*`; the standard says `webhook-*`. Only names are copied, so either set verifies.
fn standard_headers(headers: &HeaderMap) -> HeaderMap {
    let mut standard = HeaderMap::new();
    for name in ["id", "timestamp", "signature"] {
        let value = headers
            .get(format!("webhook-{name}"))
            .or_else(|| headers.get(format!("svix-{name}")));
        if let (Some(value), Ok(key)) = (
            value,
            lambda_http::http::HeaderName::try_from(format!("webhook-{name}")),
        ) {
            standard.insert(key, value.clone());
        }
    }
    standard
}
