//! The story of one request that nobody else took.

use common::config::{ConfigError, Live, Settings, StartError};
use common::http::{self, RawRequest};
use common::ingest::{BASE, Moment};
use common::metrics::{self, Metric};
use common::queue::QueueError;
use common::spool::{Spool, Spooled};
use common::webhook::cxml::{Document, Verb};
use common::webhook::sms::InboundMessage;
use common::webhook::voice::{DialResult, InboundCall};
use common::webhook::voicemail::voicemail;
use common::webhook::{Form, Gate, Rejection};
use lambda_http::{Body, Request, Response};

struct Parts {
    gate: Gate,
    spool: Spool,
}

impl Parts {
    fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let spool = Spool::from_settings(settings)?.ok_or(ConfigError::Missing("SPOOL_QUEUE_URL"))?;
        Ok(Self {
            gate: Gate::from_settings(settings)?,
            spool,
        })
    }
}

/// The function.
pub struct App(Live<Parts>);

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Rejected(#[from] Rejection),
    #[error("{0}")]
    NotSpooled(QueueError, Document),
    #[error("there is nothing at this path")]
    NotFound,
}

impl Failure {
    fn to_response(&self) -> Response<Body> {
        match self {
            Self::Rejected(Rejection::Malformed { .. }) => http::cxml(400, &Document::default()),
            Self::Rejected(rejection) => http::plain(rejection.status(), ""),
            Self::NotSpooled(_, document) => http::cxml(503, document), // there is no third URL: a caller hears it
            Self::NotFound => http::plain(404, ""),
        }
    }
}

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

    /// Answers one request.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        let parts = self.0.get().await;
        match keep(&parts, &RawRequest::of(&request)).await {
            Ok(document) => http::cxml(200, &document),
            Err(failure) => {
                if matches!(failure, Failure::NotSpooled(..)) {
                    metrics::count(Metric::WebhooksNotStored);
                    tracing::error!(error = %failure, "Fallback webhook could not be spooled");
                } else {
                    if matches!(&failure, Failure::Rejected(rejection) if rejection.status() == 403) {
                        metrics::count(Metric::SignatureRefused);
                    }
                    tracing::warn!(error = %failure, "Fallback webhook refused");
                }
                failure.to_response()
            }
        }
    }
}

async fn keep(parts: &Parts, raw: &RawRequest<'_>) -> Result<Document, Failure> {
    let form = parts.gate.open(raw)?.into_form()?;
    let (path, document) = match raw.path.trim_end_matches('/').strip_prefix(BASE) {
        Some("/fallback/sms") => {
            InboundMessage::read(&form, false)?; // what could never be stored is told so at once
            ("/sms", Document::default())
        }
        Some("/fallback/voice") => voice(parts, &form)?,
        _ => return Err(Failure::NotFound),
    };
    let moment = Moment::now();
    metrics::correlate(&moment.id);
    let kept = parts
        .spool
        .keep(&Spooled::of(raw, &format!("{BASE}{path}"), moment))
        .await;
    if let Err(error) = kept {
        return Err(Failure::NotSpooled(error, document));
    }
    metrics::count(Metric::Spooled);
    tracing::warn!(path, "Fallback webhook spooled");
    Ok(document)
}

/// The fallback URL of a call stands in for its document and for the documents that its verbs ask for (FACTS 6): the fields say
/// which of them failed.
fn voice(parts: &Parts, form: &Form) -> Result<(&'static str, Document), Failure> {
    let has = |name: &str| form.get(name).is_some_and(|value| !value.is_empty());
    if has("DialCallStatus") {
        let result = DialResult::read(form)?;
        let document = if result.was_answered() {
            Document(vec![Verb::Hangup])
        } else {
            voicemail(None, None, &result.call_sid, parts.gate.app_url())
        };
        return Ok(("/voice/dial-result", document));
    }
    if has("RecordingUrl") {
        form.require_sid("CallSid")?;
        return Ok(("/voice/recording-done", Document(vec![Verb::Hangup])));
    }
    let call = InboundCall::read(form)?;
    Ok(("/voice", voicemail(None, None, &call.sid, parts.gate.app_url())))
}
