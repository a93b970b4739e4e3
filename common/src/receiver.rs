//! What the functions that the carrier calls have in common: the gate, the database, the answer when something fails.

use crate::config::{ConfigError, Live, Settings, SharedNumbers};
use crate::domain::destination::AllowedCountries;
use crate::http::{self, RawRequest};
use crate::ingest::{Hook, Moment, Policy};
use crate::metrics::{self, Metric};
use crate::spool::{Spool, Spooled};
use crate::store::{self, Store};
use crate::webhook::cxml::Document;
use crate::webhook::urls::AppUrl;
use crate::webhook::{Gate, Payload, Rejection};
use lambda_http::{Body, Request, Response};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The carrier reads for 5 s, and every answer leaves within 4.5 s: what the database may have of that, connections and a second
/// try included. The spool has 1.3 s after it.
const STORE_BUDGET: Duration = Duration::from_millis(2700);

/// Whatever else took its time (a secret that was looked at, a second try with a new password): by then the answer is ready.
const ANSWER_MAX: Duration = Duration::from_millis(4300);

/// What of that is kept for the spool.
const SPOOL_SHARE: Duration = Duration::from_millis(700);

/// What a webhook function is made of.
pub struct Receiver {
    /// Who gets in.
    pub gate: Gate,
    /// Where it is kept.
    pub store: Store,
    /// Numbers that several workspaces use.
    pub shared: SharedNumbers,
    /// Where it waits while the database is away.
    pub spool: Option<Spool>,
    /// Where a call may be forwarded to, and whoever missed us texted.
    pub countries: AllowedCountries,
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
            spool: Spool::from_settings(settings)?,
            countries: settings.allowed_countries()?,
        })
    }

    /// What a call is judged by.
    pub fn policy(&self) -> Policy<'_> {
        Policy {
            shared: &self.shared,
            countries: &self.countries,
        }
    }
}

/// A webhook that has passed the gate.
#[derive(Debug, Clone)]
pub struct Arrival<'a> {
    /// Which one it is; `None` for a path where there is none.
    pub hook: Option<Hook>,
    /// What it carries.
    pub payload: Payload,
    /// The raw path.
    pub path: &'a str,
    /// The raw query.
    pub query: &'a str,
    /// When it came, and what its row will be called.
    pub moment: Moment,
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

/// Verifies a webhook and hands it to `work`, whose document is the answer.
///
/// When the database refuses our credentials, the secret is read again and the work is done once more: a password that was
/// changed costs no message. When the webhook cannot be stored, it goes to the spool, and `lost` says what is answered then;
/// where it says nothing, or the spool is away too, the answer is 503 and the carrier turns to the fallback URL.
pub async fn receive<W, L>(live: &Live<Receiver>, request: &Request, work: W, lost: L) -> Response<Body>
where
    W: AsyncFn(&Receiver, Arrival<'_>) -> Result<Document, Failure>,
    L: Fn(&AppUrl, &Arrival<'_>) -> Option<Document>,
{
    let raw = RawRequest::of(request);
    match attempt(live, &raw, work, lost).await {
        Ok(document) => http::cxml(200, &document),
        Err((failure, document)) => {
            if matches!(failure, Failure::NotStored(_)) {
                metrics::count(Metric::WebhooksNotStored);
                tracing::error!(code = failure.code(), error = %failure, "Webhook could not be stored");
            } else {
                if failure.status() == 403 {
                    metrics::count(Metric::SignatureRefused);
                }
                tracing::warn!(code = failure.code(), error = %failure, "Webhook refused");
            }
            match document {
                // a carrier that has no other URL to turn to may still read it
                Some(document) => http::cxml(failure.status(), &document),
                None => failure.to_response(),
            }
        }
    }
}

/// Why there is no 2xx, and what a caller is to hear all the same.
type Refused = (Failure, Option<Document>);

async fn attempt<W, L>(
    live: &Live<Receiver>,
    raw: &RawRequest<'_>,
    work: W,
    lost: L,
) -> Result<Document, Refused>
where
    W: AsyncFn(&Receiver, Arrival<'_>) -> Result<Document, Failure>,
    L: Fn(&AppUrl, &Arrival<'_>) -> Option<Document>,
{
    let begun = Instant::now();
    let receiver = live.get().await;
    let arrival = Arrival {
        payload: receiver
            .gate
            .open(raw)
            .map_err(|rejection| (rejection.into(), None))?,
        hook: Hook::at(raw.path),
        path: raw.path,
        query: raw.query,
        moment: Moment::now(),
    };
    metrics::correlate(&arrival.moment.id);
    let mut result = work(&receiver, arrival.clone()).await;
    if matches!(result, Err(Failure::NotStored(store::Error::Credentials(_))))
        && let Some(renewed) = live.renewed(&receiver).await
    {
        // a statement that is given up here may have had its effect: storing again has no second one
        result = timeout_at(begun + ANSWER_MAX - SPOOL_SHARE, work(&renewed, arrival.clone()))
            .await
            .unwrap_or(Err(store::Error::Timeout.into()));
    }
    match result {
        Err(Failure::NotStored(error)) => {
            let left = ANSWER_MAX.saturating_sub(begun.elapsed());
            spool(&receiver, raw, &arrival, (error, left), lost).await
        }
        result => result.map_err(|failure| (failure, None)),
    }
}

async fn spool<L>(
    receiver: &Arc<Receiver>,
    raw: &RawRequest<'_>,
    arrival: &Arrival<'_>,
    (error, left): (store::Error, Duration),
    lost: L,
) -> Result<Document, Refused>
where
    L: Fn(&AppUrl, &Arrival<'_>) -> Option<Document>,
{
    let document = lost(receiver.gate.app_url(), arrival);
    let (Some(spool), Some(document)) = (&receiver.spool, &document) else {
        return Err((error.into(), document));
    };
    match spool
        .keep_within(&Spooled::of(raw, raw.path, arrival.moment), left)
        .await
    {
        Ok(()) => {
            metrics::count(Metric::Spooled);
            tracing::warn!(%error, "Webhook spooled: the database could not take it");
            Ok(document.clone())
        }
        Err(unkept) => {
            tracing::error!(error = %unkept, "Webhook could not be spooled");
            Err((error.into(), Some(document.clone())))
        }
    }
}
