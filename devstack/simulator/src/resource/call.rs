//! Calls: parents and the legs they dial.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    resource::{account_path, number::Hook},
    text::{national_format, rfc2822},
    wire::Params,
};

/// A call of the project (FACTS 5).
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the carrier's own")]
pub struct CallRecord {
    pub sid: String,
    pub parent_call_sid: Option<String>,
    /// As callbacks spell it: `inbound`, `outbound-api`, `outbound-dial`.
    pub direction: &'static str,
    pub from: String,
    pub to: String,
    pub phone_number_sid: Option<String>,
    /// Every status it had, oldest first; the last is current.
    pub statuses: Vec<String>,
    pub duration_seconds: u64,
    pub hook: Hook,
    pub fallback: Hook,
    pub status_callback: Hook,
    /// `initiated`, `ringing`, `answered`, `completed`.
    pub status_callback_events: Vec<String>,
    /// What the create asked for, in wire order.
    pub params: Params,
    /// The next `SequenceNumber`.
    pub next_sequence: u32,
    pub date_created: Timestamp,
    pub start_time: Option<Timestamp>,
    pub end_time: Option<Timestamp>,
}

impl CallRecord {
    pub(crate) fn new(sid: String, direction: &'static str, from: &str, to: &str, at: Timestamp) -> Self {
        Self {
            sid,
            parent_call_sid: None,
            direction,
            from: from.to_owned(),
            to: to.to_owned(),
            phone_number_sid: None,
            statuses: Vec::new(),
            duration_seconds: 0,
            hook: Hook::default(),
            fallback: Hook::default(),
            status_callback: Hook::default(),
            status_callback_events: vec!["completed".to_owned()],
            params: Params::default(),
            next_sequence: 0,
            date_created: at,
            start_time: None,
            end_time: None,
        }
    }

    /// The current status, as a callback spells it.
    pub fn status(&self) -> &str {
        self.statuses.last().map_or("queued", String::as_str)
    }

    /// What the carrier takes for it, in dollars, once it is over.
    pub fn price(&self) -> Option<f64> {
        self.end_time.map(|_| 0.003)
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        matches!(
            self.status(),
            "completed" | "busy" | "no-answer" | "failed" | "canceled"
        )
    }

    /// The Compat resource (compat-openapi, CallResponse); REST has no `initiated`.
    pub(crate) fn compat(&self, account_sid: &str) -> Value {
        let uri = format!("{}/Calls/{}", account_path(account_sid), self.sid);
        let (to, from) = (national_format(&self.to), national_format(&self.from));
        let status = if self.status() == "initiated" {
            "queued"
        } else {
            self.status()
        };
        let direction = if self.direction == "inbound" {
            "inbound"
        } else {
            "outbound"
        };
        json!({
            "sid": self.sid,
            "account_sid": account_sid,
            "date_created": rfc2822(self.date_created),
            "date_updated": rfc2822(self.end_time.or(self.start_time).unwrap_or(self.date_created)),
            "parent_call_sid": self.parent_call_sid,
            "to": self.to,
            "formatted_to": to,
            "to_formatted": to,
            "from": self.from,
            "formatted_from": from,
            "from_formatted": from,
            "phone_number_sid": self.phone_number_sid,
            "status": status,
            "start_time": self.start_time.map(rfc2822),
            "end_time": self.end_time.map(rfc2822),
            "duration": self.duration_seconds,
            "price": self.price(),
            "price_unit": "USD",
            "direction": direction,
            "answered_by": null,
            "api_version": "2010-04-01",
            "forwarded_from": null,
            "caller_name": null,
            "uri": format!("{uri}.json"),
            "subresource_uris": { "notifications": null, "recordings": format!("{uri}/Recordings.json") },
            "annotation": null,
            "group_sid": null,
            "audio_in_mos": self.end_time.map(|_| 4.5),
            "sip_result_code": self.end_time.map(|_| "200"),
            "audio_rtt_avg": null,
            "audio_rtt_min": null,
            "audio_rtt_max": null,
            "audio_out_jitter_min": null,
            "audio_out_jitter_max": null,
            "audio_out_jitter_avg": null,
            "audio_out_lost": null,
        })
    }
}
