//! What the caller is told, in a form that is stored with the key and given again on a repeat.

use crate::request::SendRequest;
use common::http::{Problem, answer};
use common::signalwire;
use jiff::Timestamp;
use lambda_http::http::HeaderValue;
use lambda_http::{Body, Response};
use serde_json::{Value, json};
use uuid::Uuid;

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    status: u16,
    body: Value,
    retry_after_seconds: Option<u32>,
}

/// The message as far as it is known.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    /// Its row.
    pub id: Uuid,
    /// Its thread.
    pub conversation_id: Uuid,
    /// From which number.
    pub from: &'a str,
    /// Since when.
    pub created_at: Timestamp,
    /// The SID.
    pub sid: Option<&'a str>,
    /// In our words.
    pub status: &'a str,
    /// As the carrier counts, else as we do.
    pub segments: Option<i32>,
    /// Held until then.
    pub send_at: Option<Timestamp>,
}

impl Answer {
    /// The message: 201, or 202 while it is held or nobody knows what became of it.
    pub fn message(request: &SendRequest, sent: &Sent<'_>) -> Self {
        let mut body = json!({
            "id": sent.id,
            "conversationId": sent.conversation_id,
            "workspaceId": request.workspace_id,
            "channel": request.channel.as_str(),
            "direction": "outbound",
            "from": sent.from,
            "to": request.to.as_str(),
            "body": request.body,
            "status": sent.status,
            "sid": sent.sid,
            "segments": sent.segments,
            "createdAt": sent.created_at.to_string(),
        });
        if let Some(send_at) = sent.send_at {
            body["sendAt"] = json!(send_at.to_string());
        }
        Self {
            status: if sent.status == "unknown" || sent.send_at.is_some() {
                202
            } else {
                201
            },
            body,
            retry_after_seconds: None,
        }
    }

    /// A refusal.
    pub fn problem(problem: &Problem) -> Self {
        Self {
            status: problem.status,
            body: problem.to_json(),
            retry_after_seconds: problem.retry_after_seconds,
        }
    }

    /// As stored with the key.
    pub fn to_stored(&self) -> Value {
        json!({ "status": self.status, "body": self.body, "retryAfter": self.retry_after_seconds })
    }

    /// From what was stored.
    pub fn from_stored(stored: &Value) -> Self {
        let number = |name: &str| stored[name].as_u64();
        Self {
            status: number("status")
                .and_then(|status| u16::try_from(status).ok())
                .unwrap_or(500),
            body: stored["body"].clone(),
            retry_after_seconds: number("retryAfter").and_then(|seconds| u32::try_from(seconds).ok()),
        }
    }

    /// The HTTP answer. `replayed`: this request sent nothing.
    pub fn to_response(&self, replayed: bool) -> Response<Body> {
        let kind = if self.status < 400 {
            "application/json"
        } else {
            "application/problem+json"
        };
        let mut response = answer(self.status, kind, self.body.to_string());
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert("retry-after", seconds.into());
        }
        if replayed {
            response
                .headers_mut()
                .insert("idempotent-replayed", HeaderValue::from_static("true"));
        }
        response
    }
}

/// The carrier's refusal in our words: 502, or 503 where waiting helps.
pub fn carrier_refused(error: &signalwire::Error) -> Problem {
    let (code, message) = match error {
        signalwire::Error::Refused { code, message, .. } => (code.as_str(), message.as_str()),
        other => (other.code().unwrap_or(""), ""),
    };
    let message = if message.is_empty() {
        error.told()
    } else {
        message.to_owned()
    };
    let detail = format!("SignalWire did not take it: {message}");
    let mut problem = match error {
        signalwire::Error::RateLimited { retry_after_seconds } => {
            let mut problem = Problem::new(503, "carrier_refused", detail);
            problem.retry_after_seconds = Some(retry_after_seconds.unwrap_or(1).clamp(1, 3600));
            problem
        }
        signalwire::Error::TooLate => {
            let mut problem = Problem::new(503, "carrier_refused", detail);
            problem.retry_after_seconds = Some(1);
            problem
        }
        _ => Problem::new(502, "carrier_refused", detail),
    };
    problem = problem.with("carrierCode", code).with("carrierMessage", message);
    problem
}

/// What the first statement says beside its refusal.
#[derive(Debug, Clone, Default)]
pub struct Why {
    /// For a person.
    pub detail: Option<String>,
    /// When it is worth to come again.
    pub retry_after_seconds: Option<i32>,
    /// When quiet hours end.
    pub opens_at: Option<Timestamp>,
}

/// A refusal of the first statement (spec O4).
pub fn refused(code: &str, why: Why) -> Problem {
    if let Some(problem) = common::caller::denied(code) {
        return problem;
    }
    let (status, code, words) = match code {
        "opted_out" => (
            409,
            "opted_out",
            "the customer has asked this number for no more messages; they may reply START to it",
        ),
        "not_found" => (404, "not_found", "there is no such message in this workspace"),
        "not_resendable" => (
            409,
            "not_resendable",
            "only a message that failed can be sent again",
        ),
        "number_not_ready" => (409, "number_not_ready", "the number cannot text yet"),
        "country_not_allowed" => (
            422,
            "country_not_allowed",
            "this country is not among the ALLOWED_COUNTRIES",
        ),
        "destination_blocked" => (422, "destination_blocked", "this destination is blocked"),
        "sending_disabled" => (
            403,
            "sending_disabled",
            "an operator has stopped everything that this workspace sends",
        ),
        "quiet_hours" => (
            409,
            "quiet_hours",
            "it is quiet hours where the customer is; `quietHours: \"hold\"` sends a message when they end",
        ),
        "loop_detected" => (
            429,
            "loop_detected",
            "so many messages went both ways that two machines must be talking to each other",
        ),
        "rate_limited" => (429, "rate_limited", "the workspace sends too fast; it may send"),
        "daily_cap" => (409, "daily_cap", "the workspace has reached its limit of"),
        _ => (409, "no_number", "there is no usable number to send from"),
    };
    let detail = match why.detail {
        Some(limit) if matches!(code, "rate_limited" | "daily_cap") => format!("{words} {limit}"),
        Some(blocked) if code == "destination_blocked" => format!("{words}: {blocked}"),
        detail => detail.unwrap_or_else(|| words.to_owned()),
    };
    let mut problem = Problem::new(status, code, detail);
    problem.retry_after_seconds = why
        .retry_after_seconds
        .and_then(|seconds| u32::try_from(seconds).ok());
    if let Some(opens_at) = why.opens_at {
        problem = problem.with("opensAt", opens_at.to_string());
    }
    problem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_comes_back() {
        let limited = carrier_refused(&signalwire::Error::RateLimited {
            retry_after_seconds: Some(7),
        });
        let again = Answer::from_stored(&Answer::problem(&limited).to_stored()).to_response(true);
        assert_eq!(
            (again.status().as_u16(), &again.headers()["retry-after"]),
            (503, &HeaderValue::from_static("7"))
        );
        assert_eq!(again.headers()["idempotent-replayed"], "true");
        assert_eq!(again.headers()["content-type"], "application/problem+json");
    }

    #[test]
    fn refusals() {
        let refusal = carrier_refused(&signalwire::Error::Refused {
            status: 400,
            code: "21211".into(),
            message: "bad To".into(),
        });
        assert_eq!(
            (refusal.status, refusal.members["carrierCode"].as_str()),
            (502, Some("21211"))
        );
        assert_eq!(
            carrier_refused(&signalwire::Error::Unauthorized { status: 401 }).status,
            502
        );
        assert_eq!(refused("unknown_workspace", Why::default()).status, 404);
        assert_eq!(refused("opted_out", Why::default()).status, 409);
        let capped = refused(
            "daily_cap",
            Why {
                detail: Some("5 calls a day".into()),
                retry_after_seconds: Some(60),
                opens_at: None,
            },
        );
        assert_eq!(
            (capped.status, capped.retry_after_seconds, capped.detail.as_str()),
            (
                409,
                Some(60),
                "the workspace has reached its limit of 5 calls a day"
            )
        );
    }
}
