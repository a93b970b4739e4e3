//! Recordings and their transcriptions.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{resource::account_path, text::rfc2822};

/// A recording (FACTS 9; compat-openapi, Recording).
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the carrier's own")]
pub struct RecordingRecord {
    pub sid: String,
    pub call_sid: String,
    pub url: String,
    /// `RecordVerb`, `DialVerb`, `OutBoundApi`.
    pub source: &'static str,
    /// `completed` or `absent`.
    pub status: &'static str,
    pub duration_seconds: u64,
    pub channels: &'static str,
    pub trim: String,
    pub date_created: Timestamp,
}

impl RecordingRecord {
    pub(crate) fn compat(&self, account_sid: &str) -> Value {
        let uri = format!("{}/Recordings/{}", account_path(account_sid), self.sid);
        json!({
            "sid": self.sid,
            "account_sid": account_sid,
            "api_version": "2010-04-01",
            "call_sid": self.call_sid,
            "conference_sid": null,
            "channel": self.channels,
            "channels": self.channels,
            "date_created": rfc2822(self.date_created),
            "date_updated": rfc2822(self.date_created),
            "start_time": rfc2822(self.date_created),
            "end_time": rfc2822(self.date_created),
            "duration": self.duration_seconds,
            "price": "-0.0025",
            "price_unit": "USD",
            "source": self.source,
            "status": self.status,
            "error_code": null,
            "uri": format!("{uri}.json"),
            "subresource_uris": { "transcriptions": format!("{uri}/Transcriptions.json") },
            "encryption_details": null,
            "trim": self.trim,
        })
    }
}

/// A transcription (compat-openapi, Transcription).
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the carrier's own")]
pub struct TranscriptionRecord {
    pub sid: String,
    pub recording_sid: String,
    /// `None`: the carrier understood nothing, and reports `failed`.
    pub text: Option<String>,
    pub duration_seconds: u64,
    pub date_created: Timestamp,
}

impl TranscriptionRecord {
    pub(crate) fn compat(&self, account_sid: &str) -> Value {
        json!({
            "sid": self.sid,
            "account_sid": account_sid,
            "api_version": "2010-04-01",
            "recording_sid": self.recording_sid,
            "date_created": rfc2822(self.date_created),
            "date_updated": rfc2822(self.date_created),
            "duration": self.duration_seconds,
            "price": "-0.00025",
            "price_unit": "USD",
            "status": "completed",
            "transcription_text": self.text,
            "type": "",
            "uri": format!("{}/Transcriptions/{}.json", account_path(account_sid), self.sid),
        })
    }
}
