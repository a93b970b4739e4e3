//! EventBridge: events for whoever listens on the bus.
//!
//! One operation, so there is no SDK behind it: the request is signed by the crate that the SDKs sign with, and sent by the client
//! that asks the carrier. Both are linked anyway, so the function stays small.

use crate::config::{ConfigError, Settings};
use crate::queue::Aws;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

/// So many events go in one request; the service takes no more.
pub const ENTRIES_MAX: usize = 10;

/// How long one request may take.
const PUT_MAX: Duration = Duration::from_secs(10);

/// What our events are known by on the bus.
const SOURCE: &str = "ringspace";

/// The bus did not take any of the events.
#[derive(Debug, thiserror::Error)]
#[error("the event bus did not take the events: {0}")]
pub struct BusError(String);

/// An event as the bus gets it.
#[derive(Debug, Clone)]
pub struct BusEvent {
    /// `detail-type`
    pub kind: String,
    /// `detail`
    pub document: Value,
    /// When it happened.
    pub occurred_at: jiff::Timestamp,
}

/// One bus.
pub struct EventBus {
    name: String,
    aws: Aws,
    http: OnceLock<reqwest::Client>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    error_code: Option<String>,
    error_message: Option<String>,
}

impl EventBus {
    /// The bus that `EVENT_BUS_NAME` names; `None` when there is none.
    ///
    /// # Errors
    /// Malformed.
    pub fn from_settings(settings: &Settings) -> Result<Option<Self>, ConfigError> {
        const NAME: &str = "EVENT_BUS_NAME";
        let Some(name) = settings.optional(NAME) else {
            return Ok(None);
        };
        let is_shaped = |byte: u8| byte.is_ascii_alphanumeric() || b"/.-_:".contains(&byte);
        if name.len() > 1600 || !name.bytes().all(is_shaped) {
            return Err(ConfigError::malformed(NAME, "the bus's name or ARN is expected"));
        }
        settings.will_call("events:PutEvents", NAME);
        Ok(Some(Self {
            name: name.to_owned(),
            aws: Aws::from_settings(settings),
            http: OnceLock::new(),
        }))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Puts up to [`ENTRIES_MAX`] events there; gives for each why it was refused, if it was.
    ///
    /// # Errors
    /// When the service refuses the request or does not answer. It may have taken the events all the same.
    pub async fn put(&self, events: &[BusEvent]) -> Result<Vec<Option<String>>, BusError> {
        let entry = |event: &BusEvent| {
            json!({
                "EventBusName": self.name,
                "Source": SOURCE,
                "DetailType": event.kind,
                "Detail": event.document.to_string(),
                "Time": event.occurred_at.as_second(),
            })
        };
        let body = json!({ "Entries": events.iter().map(entry).collect::<Vec<_>>() }).to_string();
        let answer = tokio::time::timeout(PUT_MAX, self.send(body))
            .await
            .map_err(|_| BusError(format!("no answer within {} s", PUT_MAX.as_secs())))??;
        if answer.entries.len() != events.len() {
            return Err(BusError(
                "the answer has not as many entries as the request".to_owned(),
            ));
        }
        Ok(answer
            .entries
            .into_iter()
            .map(|entry| {
                entry
                    .error_code
                    .map(|code| format!("{code} {}", entry.error_message.unwrap_or_default()))
            })
            .collect())
    }

    async fn send(&self, body: String) -> Result<Answer, BusError> {
        let config = self.aws.config().await;
        let region = config
            .region()
            .ok_or_else(|| BusError("AWS_REGION is not set".to_owned()))?
            .as_ref()
            .to_owned();
        let url = config.endpoint_url().map_or_else(
            || {
                let end = if region.starts_with("cn-") { ".cn" } else { "" };
                format!("https://events.{region}.amazonaws.com{end}/")
            },
            |endpoint| format!("{}/", endpoint.trim_end_matches('/')),
        );
        let identity = config
            .credentials_provider()
            .ok_or_else(|| BusError("there are no credentials".to_owned()))?
            .provide_credentials()
            .await
            .map_err(|error| BusError(error.to_string()))?
            .into();
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "AWSEvents.PutEvents"),
        ];
        let unsigned =
            |error: &dyn std::fmt::Display| BusError(format!("the request cannot be signed: {error}"));
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&region)
            .name("events")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| unsigned(&error))?
            .into();
        let signable = SignableRequest::new(
            "POST",
            &url,
            headers.into_iter(),
            SignableBody::Bytes(body.as_bytes()),
        )
        .map_err(|error| unsigned(&error))?;
        let (instructions, _) = sign(signable, &parameters)
            .map_err(|error| unsigned(&error))?
            .into_parts();
        let mut request = self.http().post(&url);
        for (name, value) in headers.into_iter().chain(instructions.headers()) {
            request = request.header(name, value);
        }
        let response = request
            .body(body)
            .send()
            .await
            .map_err(|error| BusError(error.without_url().to_string()))?;
        let status = response.status();
        let said = response
            .bytes()
            .await
            .map_err(|error| BusError(error.without_url().to_string()))?;
        if !status.is_success() {
            let said = String::from_utf8_lossy(&said);
            return Err(BusError(format!(
                "{} {}",
                status.as_u16(),
                said.chars().take(300).collect::<String>()
            )));
        }
        serde_json::from_slice(&said)
            .map_err(|_| BusError("the answer is not the documented JSON".to_owned()))
    }

    fn http(&self) -> &reqwest::Client {
        self.http.get_or_init(|| {
            reqwest::Client::builder()
                .tls_backend_preconfigured(crate::tls::client_config(&[]))
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(Duration::from_secs(3))
                .build()
                .expect("nothing in these options depends on the environment")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings() {
        assert!(EventBus::from_settings(&Settings::of(&[])).unwrap().is_none());
        let named = |name| EventBus::from_settings(&Settings::of(&[("EVENT_BUS_NAME", name)]));
        assert_eq!(named("ringspace-prod").unwrap().unwrap().name(), "ringspace-prod");
        let arn = "arn:aws:events:eu-west-1:123456789012:event-bus/ringspace";
        assert_eq!(named(arn).unwrap().unwrap().name(), arn);
        assert!(
            named("two words")
                .err()
                .unwrap()
                .to_string()
                .contains("EVENT_BUS_NAME")
        );
    }
}
