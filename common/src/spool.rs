//! Webhooks that could not be stored at once: the verified raw request waits in SQS until Postgres is back.

use crate::config::{ConfigError, Settings};
use crate::http::RawRequest;
use crate::ingest::Moment;
use crate::queue::{Queue, QueueError};
use crate::webhook::Payload;
use crate::webhook::{Form, Rejection};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use uuid::Uuid;

/// What is left of the carrier's five seconds once the database has had its share.
const SEND_MAX: Duration = Duration::from_millis(1300);

/// A verified request, as it arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spooled {
    /// The raw path of the webhook that it is: of the first one, when it came by the fallback URL.
    pub path: String,
    /// The raw query.
    #[serde(default)]
    pub query: String,
    /// `application/json`, else a form.
    #[serde(default)]
    pub content_type: String,
    /// The body's bytes, in base64.
    pub body: String,
    /// When it arrived: what is stored later keeps its time.
    pub received_at: Timestamp,
    /// What its row will be called.
    #[serde(default = "Uuid::now_v7")]
    pub id: Uuid,
}

impl Spooled {
    /// A request that has passed the gate.
    pub fn of(request: &RawRequest<'_>, path: &str, moment: Moment) -> Self {
        Self {
            path: path.to_owned(),
            query: request.query.to_owned(),
            content_type: request.header("content-type").unwrap_or("").to_owned(),
            body: BASE64.encode(request.body),
            received_at: moment.at,
            id: moment.id,
        }
    }

    /// When it arrived, and what its row will be called.
    pub fn moment(&self) -> Moment {
        Moment {
            id: self.id,
            at: self.received_at,
        }
    }

    /// Reads a queue message.
    ///
    /// # Errors
    /// What is wrong with it, for a person.
    pub fn read(text: &str) -> Result<Self, String> {
        serde_json::from_str(text)
            .map_err(|error| format!("no spooled webhook: {}", crate::event::without_values(&error)))
    }

    /// The fields that it carries.
    ///
    /// # Errors
    /// When the body cannot be read.
    pub fn payload(&self) -> Result<Payload, Rejection> {
        let malformed = || Rejection::Malformed { field: "body" };
        let body = BASE64.decode(&self.body).map_err(|_| malformed())?;
        if self.content_type.to_ascii_lowercase().contains("json") {
            serde_json::from_slice(&body)
                .map(Payload::Json)
                .map_err(|_| malformed())
        } else {
            Form::parse(&body).map(Payload::Form).ok_or_else(malformed)
        }
    }
}

/// `SPOOL_QUEUE_URL`.
pub struct Spool(Queue);

impl Spool {
    /// The spool, where there is one.
    ///
    /// # Errors
    /// Malformed.
    pub fn from_settings(settings: &Settings) -> Result<Option<Self>, ConfigError> {
        if settings.optional("SPOOL_QUEUE_URL").is_none() {
            return Ok(None);
        }
        Queue::from_settings(settings, "SPOOL_QUEUE_URL").map(|queue| Some(Self(queue)))
    }

    /// Keeps a request; once this returns, SQS has it.
    ///
    /// # Errors
    /// When SQS did not take it in time.
    pub async fn keep(&self, spooled: &Spooled) -> Result<(), QueueError> {
        self.keep_within(spooled, SEND_MAX).await
    }

    /// The same for who has less time left.
    ///
    /// # Errors
    /// As [`Self::keep`].
    pub async fn keep_within(&self, spooled: &Spooled, most: Duration) -> Result<(), QueueError> {
        let text = serde_json::to_string(spooled).map_err(|error| QueueError::new(error.to_string()))?;
        self.0.send_within(&text, most.min(SEND_MAX)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::http::HeaderMap;

    #[test]
    fn any_bytes_come_back() {
        let mut headers = HeaderMap::new();
        headers.insert(
            "content-type",
            "application/x-www-form-urlencoded".parse().unwrap(),
        );
        let body = b"Body=%00%FF&To=%2B1\xff";
        let request = RawRequest {
            method: "POST",
            path: "/x",
            query: "a=1",
            headers: &headers,
            body,
        };
        let spooled = Spooled::of(&request, "/x", Moment::now());
        let read = Spooled::read(&serde_json::to_string(&spooled).unwrap()).unwrap();
        assert_eq!(read, spooled);
        let Payload::Form(form) = read.payload().unwrap() else {
            panic!()
        };
        assert_eq!(form.fields()[0].1, b"\0\xff");
    }

    #[test]
    fn garbage_says_why() {
        assert!(Spooled::read("x").is_err());
        let broken = Spooled {
            path: String::new(),
            query: String::new(),
            content_type: String::new(),
            body: "*".into(),
            received_at: Timestamp::UNIX_EPOCH,
            id: Uuid::nil(),
        };
        assert!(broken.payload().is_err());
    }
}
