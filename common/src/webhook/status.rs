//! Status callbacks: which report one is, in our words (FACTS 6).

use super::urls::query_value;
use super::{Form, Payload, Rejection};
use crate::domain::status;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use serde_json::{Value, json};
use uuid::Uuid;

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
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
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

/// What a callback tells.
#[derive(Debug)]
pub enum Told {
    /// Of a message or call.
    Report(Report),
    /// Whether a number may text.
    Readiness {
        /// E.164.
        phone_number: String,
        /// `pending`, `ready`, `failed`
        readiness: &'static str,
        /// For a person.
        reason: Option<&'static str>,
        /// The number's row, when the callback's URL carried its id.
        number_id: Option<Uuid>,
    },
    /// Of a brand, campaign or order as a whole, or of a stream: nothing here depends on it.
    Nothing,
}

/// Reads a callback. The path may end in the id of our message, or of our number, the query name the call.
///
/// # Errors
/// [`Rejection::Malformed`] that names what is missing.
pub fn read(payload: &Payload, path: &str, query: &str) -> Result<Told, Rejection> {
    let row = path
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .and_then(|last| last.parse::<Uuid>().ok());
    match payload {
        Payload::Json(value) => read_json(value, row),
        Payload::Form(form) => read_form(form, row, query_value(query, "call")),
    }
}

fn read_form(form: &Form, row: Option<Uuid>, call_in_query: Option<String>) -> Result<Told, Rejection> {
    let has = |name: &str| form.get(name).is_some_and(|value| !value.is_empty());
    if has("event_type") {
        let text = |name: &str| form.get(name).map(std::borrow::Cow::into_owned);
        return Ok(campaign(text("event_type"), text("phone_number"), row));
    }
    let report = |kind, sid, fields| {
        Ok(Told::Report(Report {
            kind,
            message_id: row,
            sid,
            fields,
        }))
    };
    let call_sid = || -> Result<String, Rejection> {
        match &call_in_query {
            Some(sid) if !sid.is_empty() && sid.len() <= 128 && !has("CallSid") => Ok(clean(sid)),
            _ => form.require_sid("CallSid"),
        }
    };
    if has("TranscriptionSid") || has("TranscriptionStatus") {
        let sid = call_sid().or_else(|_| form.require_sid("RecordingSid"))?;
        return report(
            ReportKind::Transcription,
            sid,
            json!({
                "status": form.require("TranscriptionStatus")?,
                "text": form.get("TranscriptionText").unwrap_or_default(),
                "recording_sid": form.get("RecordingSid"),
                "transcription_sid": form.get("TranscriptionSid").filter(|sid| !sid.is_empty()),
            }),
        );
    }
    if has("RecordingStatus") {
        return report(
            ReportKind::Recording,
            call_sid()?,
            json!({
                "status": form.require("RecordingStatus")?,
                "url": form.get("RecordingUrl").filter(|url| !url.is_empty()),
                "recording_sid": form.get("RecordingSid").filter(|sid| !sid.is_empty()),
            }),
        );
    }
    let message_word = form
        .get("MessageStatus")
        .or_else(|| form.get("SmsStatus"))
        .filter(|word| !word.is_empty());
    if let Some(word) = message_word {
        let sid = form
            .require_sid(if has("MessageSid") { "MessageSid" } else { "SmsSid" })
            .map_err(|_| Rejection::Malformed { field: "MessageSid" })?;
        return report(
            ReportKind::Message,
            sid,
            json!({
                "status": status::message(&word).map_or_else(|| short(&word), str::to_owned),
                "error_code": form.get("ErrorCode").filter(|code| !code.is_empty()).map(|code| short(&code)),
                "segments": form.number("NumSegments"),
                "reported_at": form.get("Timestamp").and_then(|text| time(&text)),
            }),
        );
    }
    if has("StreamEvent") {
        return Ok(Told::Nothing);
    }
    if has("CallSid") {
        let word = form.require("CallStatus")?;
        return report(
            ReportKind::Call,
            form.require_sid("CallSid")?,
            json!({
                "status": status::call(&word).map_or_else(|| short(&word), str::to_owned),
                "duration": form.number("CallDuration"),
                "sequence": form.number("SequenceNumber"),
                "error_code": form.get("SipResultCode").filter(|code| !code.is_empty() && *code != "200").map(|code| short(&code)),
                "reported_at": form.get("Timestamp").and_then(|text| time(&text)),
            }),
        );
    }
    Err(Rejection::Malformed {
        field: "MessageStatus",
    })
}

/// The messaging API's callbacks (WhatsApp), and campaign events where they come as JSON.
fn read_json(value: &Value, row: Option<Uuid>) -> Result<Told, Rejection> {
    let text = |name: &str| {
        value[name]
            .as_str()
            .map(str::to_owned)
            .filter(|text| !text.is_empty())
    };
    if let Some(kind) = text("event_type") {
        return Ok(campaign(Some(kind), text("phone_number"), row));
    }
    let sid = text("id")
        .filter(|sid| sid.len() <= 128)
        .ok_or(Rejection::Malformed { field: "id" })?;
    let word = text("status").ok_or(Rejection::Malformed { field: "status" })?;
    let code = text("error_code").or_else(|| value["error_code"].as_i64().map(|code| code.to_string()));
    Ok(Told::Report(Report {
        kind: ReportKind::Message,
        message_id: row,
        sid: clean(&sid),
        fields: json!({
            "status": status::message(&word).map_or_else(|| short(&word), str::to_owned),
            "error_code": code.map(|code| short(&code)),
            "segments": value["number_of_segments"].as_i64().and_then(|count| i32::try_from(count).ok()),
            "reported_at": text("timestamp").and_then(|text| time(&text)),
        }),
    }))
}

fn campaign(kind: Option<String>, phone_number: Option<String>, number_id: Option<Uuid>) -> Told {
    let Some(phone_number) = phone_number.filter(|number| !number.is_empty() && number.len() <= 32) else {
        return Told::Nothing;
    };
    let (readiness, reason) = match kind.as_deref() {
        Some("number_assignment_activated") => ("ready", None),
        Some("number_assignment_pending") => (
            "pending",
            Some("the carrier is assigning the number to the messaging campaign"),
        ),
        Some("number_assignment_failed") => (
            "failed",
            Some("the carrier could not assign the number to the messaging campaign"),
        ),
        _ => return Told::Nothing,
    };
    Told::Readiness {
        phone_number: clean(&phone_number),
        readiness,
        reason,
        number_id,
    }
}

fn short(word: &str) -> String {
    clean(word).chars().take(64).collect()
}

fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// RFC 2822 in Compatibility callbacks, RFC 3339 in JSON. Samples of the former hold non-standard months (FACTS 1): a time that
/// cannot be read is left out, the report counts all the same.
fn time(text: &str) -> Option<String> {
    let zoned = DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text);
    zoned
        .ok()
        .or_else(|| text.parse::<Timestamp>().ok())
        .map(|moment| moment.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(body: &str, path: &str, query: &str) -> Result<Told, Rejection> {
        read(&Payload::Form(Form::parse(body.as_bytes()).unwrap()), path, query)
    }

    fn report(told: Result<Told, Rejection>) -> Report {
        match told {
            Ok(Told::Report(report)) => report,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn messages() {
        let id = Uuid::now_v7();
        let read = report(form(
            "MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30003&NumSegments=2",
            &format!("/status/{id}"),
            "",
        ));
        assert_eq!(
            (read.kind, read.message_id, read.sid.as_str()),
            (ReportKind::Message, Some(id), "SM1")
        );
        assert_eq!(read.fields["status"], "undelivered");
        assert_eq!(read.fields["error_code"], "30003");
        assert_eq!(read.fields["segments"], 2);
        assert_eq!(
            report(form("SmsSid=S&SmsStatus=melting", "/status", "")).fields["status"],
            "melting"
        );
    }

    #[test]
    fn calls_recordings_transcriptions() {
        let call = report(form(
            "CallSid=C1&CallStatus=completed&CallDuration=94&SequenceNumber=3&Timestamp=Thu%2C+04+Apr+2024+18%3A33%3A58+%2B0000",
            "/status",
            "",
        ));
        assert_eq!(call.fields["duration"], 94);
        assert_eq!(call.fields["reported_at"], "2024-04-04T18:33:58Z");
        let recording = report(form(
            "CallSid=C1&RecordingSid=R1&RecordingStatus=completed&RecordingUrl=https%3A%2F%2Fx",
            "/status/recording",
            "call=C1",
        ));
        assert_eq!(
            (recording.kind, recording.sid.as_str()),
            (ReportKind::Recording, "C1")
        );
        let words = report(form(
            "TranscriptionSid=T1&TranscriptionStatus=completed&TranscriptionText=hi&RecordingSid=R1",
            "/status/transcription",
            "call=C%201",
        ));
        assert_eq!(
            (
                words.kind,
                words.sid.as_str(),
                words.fields["transcription_sid"].as_str()
            ),
            (ReportKind::Transcription, "C 1", Some("T1"))
        );
        let bare = report(form(
            "TranscriptionSid=T1&TranscriptionStatus=failed&RecordingSid=R1",
            "/status",
            "",
        ));
        assert_eq!(bare.sid, "R1");
    }

    #[test]
    fn json_and_campaigns() {
        let value: Value = serde_json::from_str(r#"{"id":"a1","project_id":"p","status":"read","number_of_segments":1,"timestamp":"2026-03-17T22:26:57Z","error_code":null}"#).unwrap();
        let read_value = report(read(&Payload::Json(value), "/status", ""));
        assert_eq!(
            (
                read_value.fields["status"].as_str(),
                read_value.fields["reported_at"].as_str()
            ),
            (Some("read"), Some("2026-03-17T22:26:57Z"))
        );
        for (kind, expected) in [
            ("number_assignment_activated", "ready"),
            ("number_assignment_failed", "failed"),
        ] {
            let value = json!({"event_type": kind, "phone_number": "+14155550199"});
            assert!(
                matches!(read(&Payload::Json(value), "/status/campaign", ""), Ok(Told::Readiness { readiness, .. }) if readiness == expected)
            );
            assert!(
                matches!(form(&format!("event_type={kind}&phone_number=%2B14155550199"), "/status", ""), Ok(Told::Readiness { readiness, .. }) if readiness == expected)
            );
        }
        assert!(matches!(
            form("event_type=brand_activated", "/status", ""),
            Ok(Told::Nothing)
        ));
    }

    #[test]
    fn neither_fish_nor_fowl() {
        for body in [
            "",
            "hello",
            "MessageStatus=sent",
            "CallSid=C1",
            "RecordingStatus=completed",
        ] {
            assert!(form(body, "/status", "").is_err(), "{body}");
        }
        assert!(read(&Payload::Json(json!([])), "/status", "").is_err());
        assert!(read(&Payload::Json(json!({"id": "x"})), "/status", "").is_err());
    }
}
