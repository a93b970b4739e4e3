//! How a request to the carrier can fail, by who has to act.

use super::json;
use serde_json::Value;

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The credentials were refused, or lack a scope (FACTS 1: 401 or 403). Nothing happened.
    #[error("SignalWire refuses our credentials or their scopes ({status})")]
    Unauthorized {
        /// 401 or 403.
        status: u16,
    },
    /// Too many requests. Nothing happened.
    #[error("SignalWire asks to wait")]
    RateLimited {
        /// As the carrier says, if it does.
        retry_after_seconds: Option<u32>,
    },
    /// The connection stood too late for the leave to send ([`super::Leave`]). Nothing happened.
    #[error("the connection to SignalWire took too long")]
    TooLate,
    /// The carrier said no. Nothing happened.
    #[error("SignalWire refused: {code} ({status})")]
    // its words quote numbers and texts; see `Error::told`
    Refused {
        /// The HTTP status.
        status: u16,
        /// The carrier's code, numeric or a word (FACTS 1); empty when it gave none.
        code: String,
        /// The carrier's words.
        message: String,
    },
    /// No such resource.
    #[error("SignalWire knows no such resource")]
    NotFound,
    /// No answer, a broken one, or a 5xx: what was asked for may have happened.
    #[error("SignalWire's answer was lost: {0}")]
    OutcomeUnknown(String),
}

impl Error {
    /// The same with the carrier's own words: for a row or an answer, never for a log, since they quote what was asked.
    pub fn told(&self) -> String {
        match self {
            Self::Refused {
                status,
                code,
                message,
            } => format!("SignalWire refused: {code} {message} ({status})"),
            other => other.to_string(),
        }
    }

    /// Reads an error answer in any of the documented shapes (FACTS 1), or none.
    pub(super) fn from_answer(status: u16, retry_after: Option<u32>, body: &[u8]) -> Self {
        match status {
            401 | 403 => return Self::Unauthorized { status },
            404 => return Self::NotFound,
            429 => {
                return Self::RateLimited {
                    retry_after_seconds: retry_after,
                };
            }
            500.. => return Self::OutcomeUnknown(format!("status {status}")),
            _ => {}
        }
        let value: Value = json::read(body).unwrap_or(Value::Null);
        let item = [&value["errors"][0], &value[0], &value]
            .into_iter()
            .find(|item| !item.is_null())
            .unwrap_or(&Value::Null);
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let code = text(&item["code"]).unwrap_or_default();
        let message = text(&item["message"])
            .or_else(|| text(&item["detail"]))
            .or_else(|| text(&item["title"]))
            .or_else(|| text(&item["error"]))
            .or_else(|| text(item))
            .unwrap_or_else(|| "no reason given".to_owned());
        // throttled, or too much is queued already
        if ["20429", "rate_limit_exceeded", "21611"].contains(&code.as_str()) {
            return Self::RateLimited {
                retry_after_seconds: retry_after,
            };
        }
        Self::Refused {
            status,
            code: code.chars().take(64).collect(),
            message: message.chars().take(300).collect(),
        }
    }

    /// Whether the account has no money left. No API tells the balance; these are its end (FACTS 1).
    pub fn is_for_want_of_balance(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if matches!(code.as_str(), "4001" | "30002" | "insufficient_balance"))
    }

    /// The carrier's code, when it refused with one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } if !code.is_empty() => Some(code),
            Self::Unauthorized { .. } => Some("20003"),
            Self::RateLimited { .. } => Some("20429"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> (String, String) {
        match Error::from_answer(422, None, body.as_bytes()) {
            Error::Refused { code, message, .. } => (code, message),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn every_documented_shape() {
        assert_eq!(
            refused(r#"{"code":21211,"message":"bad To","status":400}"#),
            ("21211".into(), "bad To".into())
        );
        assert_eq!(
            refused(r#"{"errors":[{"code":"21205","message":"no Url"}]}"#),
            ("21205".into(), "no Url".into())
        );
        assert_eq!(refused(r#"{"errors":["text"]}"#), (String::new(), "text".into()));
        assert_eq!(
            refused(r#"{"errors":[{"detail":"d","status":"422","title":"t","code":"c"}]}"#),
            ("c".into(), "d".into())
        );
        assert_eq!(
            refused(r#"[{"type":"x","code":"y","message":"z"}]"#),
            ("y".into(), "z".into())
        );
        assert_eq!(
            refused(r#"{"error":"Unauthorized"}"#),
            (String::new(), "Unauthorized".into())
        );
        assert_eq!(
            refused(r#"{"code":"1\u0000","message":"a\u0000b"}"#),
            ("1\u{fffd}".into(), "a\u{fffd}b".into()),
            "a text that Postgres takes"
        );
        for garbage in ["", "<html>", "{", "[]", "null", "3"] {
            let _ = refused(garbage);
        }
    }

    #[test]
    fn statuses() {
        assert_eq!(
            Error::from_answer(401, None, b""),
            Error::Unauthorized { status: 401 }
        );
        assert_eq!(
            Error::from_answer(429, Some(3), b""),
            Error::RateLimited {
                retry_after_seconds: Some(3)
            }
        );
        assert!(matches!(
            Error::from_answer(503, None, b""),
            Error::OutcomeUnknown(_)
        ));
        assert_eq!(Error::from_answer(404, None, b""), Error::NotFound);
        assert_eq!(
            Error::from_answer(400, None, br#"{"code":21611,"message":"queue full"}"#),
            Error::RateLimited {
                retry_after_seconds: None
            }
        );
    }
}
