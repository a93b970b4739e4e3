//! Messages, in and out.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    resource::account_path,
    text::{iso8601, rfc2822},
    wire::Params,
};

/// An attachment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are the carrier's own")]
pub struct Media {
    pub sid: String,
    pub url: String,
    pub content_type: String,
}

/// SMS, MMS or WhatsApp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each is a channel")]
pub enum MessageKind {
    Sms,
    Mms,
    WhatsApp,
}

/// A message of the project (FACTS 4).
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the carrier's own")]
pub struct MessageRecord {
    pub sid: String,
    pub kind: MessageKind,
    /// `inbound`, `outbound-api`, `outbound-reply`, `outbound-call`.
    pub direction: &'static str,
    pub from: String,
    pub to: String,
    pub body: String,
    pub media: Vec<Media>,
    pub num_segments: u32,
    /// Every status it had, oldest first; the last is current.
    pub statuses: Vec<String>,
    pub error_code: Option<u32>,
    pub error_message: Option<String>,
    pub status_callback: Option<String>,
    /// Created by the JSON API: its callbacks are JSON.
    pub json_api: bool,
    pub custom_variables: Option<Value>,
    /// What the create asked for, in wire order.
    pub params: Params,
    pub date_created: Timestamp,
    pub date_sent: Option<Timestamp>,
    pub date_updated: Timestamp,
}

impl MessageRecord {
    /// The current status, as a callback spells it.
    pub fn status(&self) -> &str {
        self.statuses.last().map_or("queued", String::as_str)
    }

    /// What the carrier takes for it, in dollars, once it is sent.
    pub fn price(&self) -> Option<f64> {
        self.date_sent.map(|_| f64::from(self.num_segments) * 0.005)
    }

    /// The current status as REST spells it: `initiated` where callbacks say `sending` (FACTS 4).
    pub(crate) fn rest_status(&self) -> &str {
        match self.status() {
            "sending" => "initiated",
            "receiving" => "received",
            other => other,
        }
    }

    /// The Compat resource (compat-openapi, Message).
    pub(crate) fn compat(&self, account_sid: &str) -> Value {
        let uri = format!("{}/Messages/{}", account_path(account_sid), self.sid);
        json!({
            "account_sid": account_sid,
            "api_version": "2010-04-01",
            "body": self.body,
            "num_segments": self.num_segments,
            "num_media": self.media.len(),
            "date_created": rfc2822(self.date_created),
            "date_sent": self.date_sent.map(rfc2822),
            "date_updated": rfc2822(self.date_updated),
            "direction": self.direction,
            "error_code": self.error_code.map(|code| code.to_string()),
            "error_message": self.error_message,
            "from": self.from,
            "price": self.price(),
            "price_unit": "USD",
            "sid": self.sid,
            "status": self.rest_status(),
            "to": self.to,
            "messaging_service_sid": null,
            "uri": format!("{uri}.json"),
            "subresource_uris": { "media": format!("{uri}/Media.json") },
        })
    }

    /// The row of `Messages/{Sid}/Media`.
    pub(crate) fn media_row(&self, media: &Media, account_sid: &str) -> Value {
        json!({
            "account_sid": account_sid,
            "content_type": media.content_type,
            "date_created": rfc2822(self.date_created),
            "date_updated": rfc2822(self.date_created),
            "parent_sid": self.sid,
            "sid": media.sid,
            "uri": format!("{}/Messages/{}/Media/{}.json", account_path(account_sid), self.sid, media.sid),
        })
    }

    /// The answer of `POST /api/messaging/messages` (rest-openapi, Message.Message).
    pub(crate) fn messaging(&self, account_sid: &str) -> Value {
        json!({
            "id": self.sid,
            "from": self.from,
            "to": self.to,
            "body": self.body,
            "status": self.rest_status(),
            "direction": if self.direction == "inbound" { "inbound" } else { "outbound" },
            "kind": self.kind,
            "media": self.media.iter().map(|media| &media.url).collect::<Vec<_>>(),
            "number_of_segments": self.num_segments,
            "error_code": self.error_code.map(|code| code.to_string()),
            "error_message": self.error_message,
            "created_at": iso8601(self.date_created),
            "project_id": account_sid,
            "status_callback_url": self.status_callback,
            "message_uri": format!("/api/messaging/logs/{}", self.sid),
        })
    }

    /// A row of `/api/messaging/logs` (rest-openapi, Message.MessageLog).
    pub(crate) fn log(&self, account_sid: &str, base_url: &str) -> Value {
        let url = format!("{base_url}{}/Messages/{}", account_path(account_sid), self.sid);
        json!({
            "id": self.sid,
            "from": self.from,
            "to": self.to,
            "status": self.rest_status(),
            "direction": self.direction,
            "kind": self.kind,
            "source": if self.json_api { "realtime_api" } else { "laml" },
            "type": if self.json_api { "relay_message" } else { "laml_message" },
            "url": (!self.json_api).then_some(url),
            "number_of_segments": self.num_segments,
            "charge": 0,
            "charge_details": [],
            "created_at": iso8601(self.date_created),
            "error_message": self.error_message,
            "error_code": self.error_code.map(|code| code.to_string()),
        })
    }
}
