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
}

impl Answer {
    /// The message: 201, or 202 while nobody knows what became of it.
    pub fn message(request: &SendRequest, sent: &Sent<'_>) -> Self {
        let body = json!({
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
        Self {
            status: if sent.status == "unknown" { 202 } else { 201 },
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
        error.to_string()
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
        _ => Problem::new(502, "carrier_refused", detail),
    };
    problem = problem.with("carrierCode", code).with("carrierMessage", message);
    problem
}

/// A refusal of the first statement (spec O4).
pub fn refused(code: &str, detail: Option<String>) -> Problem {
    if let Some(problem) = common::caller::denied(code) {
        return problem;
    }
    let (status, code, words) = match code {
        "opted_out" => (
            409,
            "opted_out",
            "the customer has asked this number for no more messages; they may reply START to it",
        ),
        "number_not_ready" => (409, "number_not_ready", "the number cannot text yet"),
        _ => (409, "no_number", "there is no usable number to send from"),
    };
    Problem::new(status, code, detail.unwrap_or_else(|| words.to_owned()))
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
        assert_eq!(refused("unknown_workspace", None).status, 404);
        assert_eq!(refused("opted_out", None).status, 409);
    }
}
