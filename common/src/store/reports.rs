//! Status callbacks.

use super::{Error, Store};
use serde_json::Value;
use tokio_postgres::types::Type;
use uuid::Uuid;

pub(super) const RECORD_REPORT: &str = include_str!("sql/record_report.sql");

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// An SMS, MMS or WhatsApp message.
    Message,
    /// A call.
    Call,
    /// A recording of a call.
    Recording,
    /// What a recording says.
    Transcription,
}

impl ReportKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Call => "call",
            Self::Recording => "recording",
            Self::Transcription => "transcription",
        }
    }
}

/// One report, in our words.
#[derive(Debug, Clone)]
pub struct Report {
    /// What it is about.
    pub kind: ReportKind,
    /// Our id, when the callback's URL carried it.
    pub message_id: Option<Uuid>,
    /// The message's or call's SID.
    pub sid: String,
    /// `{"status": …, "error_code": …, "sequence": …, "reported_at": …, "segments": …, "duration": …}`, or
    /// `{"status": …, "url": …, "recording_sid": …, "text": …}`.
    pub fields: Value,
}

impl Store {
    /// Keeps a report and moves its row forward; `false` when the SID is not known, and the report is parked.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn record_report(&self, report: &Report) -> Result<bool, Error> {
        let row = self
            .row(
                RECORD_REPORT,
                &[
                    (&report.kind.as_str(), Type::TEXT),
                    (&report.message_id, Type::UUID),
                    (&report.sid, Type::TEXT),
                    (&report.fields, Type::JSONB),
                ],
            )
            .await?;
        Ok(row.get::<_, &str>(0) == "recorded")
    }
}
