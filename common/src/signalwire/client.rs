//! One client: URL, authentication, limits, status to error.

use super::leave::Over;
use super::{Error, json, space_url};
use crate::config::{ConfigError, Settings};
use crate::metrics::{self, Metric};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use std::sync::OnceLock;
use std::time::Duration;

/// No answer that we ask for is longer; a longer one is no answer (a list of 1,000 numbers has about 1 MB).
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Credentials and base of the REST API. Connections are opened at the first request and kept.
pub struct Client {
    base_url: String,
    project_id: String,
    token: SecretString,
    http: OnceLock<reqwest::Client>,
}

impl Client {
    /// Reads `SIGNALWIRE_SPACE_URL`, `SIGNALWIRE_PROJECT_ID`, `SIGNALWIRE_TOKEN`.
    ///
    /// # Errors
    /// A missing or malformed setting.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let project_id = settings.required("SIGNALWIRE_PROJECT_ID")?;
        if !project_id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Err(ConfigError::malformed(
                "SIGNALWIRE_PROJECT_ID",
                "the project's UUID is expected",
            ));
        }
        Ok(Self {
            base_url: space_url::normalise(settings.required("SIGNALWIRE_SPACE_URL")?)?,
            project_id: project_id.to_owned(),
            token: settings.secret("SIGNALWIRE_TOKEN")?,
            http: OnceLock::new(),
        })
    }

    /// A path of the Compatibility API below our account.
    pub(super) fn compat(&self, tail: &str) -> String {
        format!(
            "{}/api/laml/2010-04-01/Accounts/{}/{tail}",
            self.base_url, self.project_id
        )
    }

    /// A path of the other APIs of the space.
    pub(super) fn space(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    pub(super) fn http(&self) -> &reqwest::Client {
        self.http.get_or_init(|| {
            reqwest::Client::builder()
                .tls_backend_preconfigured(crate::tls::client_config(&[]))
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none()) // the token goes to this host only
                .connect_timeout(Duration::from_secs(3))
                .build()
                .expect("nothing in these options depends on the environment")
        })
    }

    /// Sends a request and reads its JSON answer. `seconds_max` covers everything from the connection to the last byte.
    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
        seconds_max: u64,
    ) -> Result<T, Error> {
        let body = self.send_for_bytes(request, seconds_max).await?;
        json::read(&body).map_err(|_| Error::OutcomeUnknown("it is not the documented JSON".to_owned()))
    }

    /// Sends a request and reads its answer, whatever it holds.
    pub(super) async fn send_for_bytes(
        &self,
        request: reqwest::RequestBuilder,
        seconds_max: u64,
    ) -> Result<Vec<u8>, Error> {
        self.exchange(request.header("accept", "application/json"), seconds_max)
            .await
    }

    /// Reads a file. Its address came in a webhook: our credentials go to the space's own host, to the carrier's file host, and
    /// to no other (FACTS 9).
    pub(super) async fn fetch(&self, url: url::Url, seconds_max: u64) -> Result<Vec<u8>, Error> {
        let own = url::Url::parse(&self.base_url).map_err(|_| Error::NotFound)?;
        let files = url.scheme() == "https" && url.host_str() == Some("files.signalwire.com");
        if url.origin() != own.origin() && !files {
            tracing::warn!("SignalWire: a file lies on a host that is not the carrier's, and is not fetched");
            return Err(Error::NotFound);
        }
        self.exchange(self.http().get(url), seconds_max).await
    }

    async fn exchange(&self, request: reqwest::RequestBuilder, seconds_max: u64) -> Result<Vec<u8>, Error> {
        let lost = |error: reqwest::Error| {
            if Over::is_cause(&error) {
                return Error::TooLate;
            }
            let kind = if error.is_timeout() {
                "timeout"
            } else if error.is_connect() {
                "no connection"
            } else {
                "the connection broke"
            };
            Error::OutcomeUnknown(kind.to_owned()) // the error's own text shows the URL, and with it phone numbers
        };
        let exchange = async {
            let mut response = request
                .basic_auth(&self.project_id, Some(self.token.expose_secret()))
                .send()
                .await
                .map_err(lost)?;
            let status = response.status();
            let retry_after = response
                .headers()
                .get("retry-after")
                .and_then(|value| value.to_str().ok()?.trim().parse().ok());
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(lost)? {
                if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                    return Err(Error::OutcomeUnknown(
                        "it is longer than any documented answer".to_owned(),
                    ));
                }
                body.extend_from_slice(&chunk);
            }
            if status.is_success() {
                Ok(body)
            } else {
                Err(Error::from_answer(status.as_u16(), retry_after, &body))
            }
        };
        let answer = tokio::time::timeout(Duration::from_secs(seconds_max), exchange)
            .await
            .unwrap_or_else(|_| Err(Error::OutcomeUnknown("timeout".to_owned())));
        if let Err(error) = &answer {
            count(error);
        }
        answer
    }
}

/// What an operator has to hear of, whichever function met it.
fn count(error: &Error) {
    match error {
        Error::Unauthorized { .. } => metrics::count(Metric::CarrierCredentialsRefused),
        error if error.is_for_want_of_balance() => metrics::count(Metric::CarrierBalanceExhausted),
        Error::OutcomeUnknown(_) => metrics::count(Metric::CarrierUnavailable),
        _ => {}
    }
}
