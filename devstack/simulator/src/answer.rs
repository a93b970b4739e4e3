//! Answers of the REST APIs, and the error shapes that differ per API (FACTS 1, Errors).

use serde_json::{Value, json};

pub(crate) const MORE_INFO: &str = "https://signalwire.com/docs/compatibility-api/reference/errors";

/// A status, perhaps a JSON body, perhaps `Retry-After`.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Option<Value>,
    /// A file instead, with its media type.
    pub(crate) file: Option<(String, Vec<u8>)>,
    pub(crate) retry_after_seconds: Option<u32>,
}

impl Answer {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self {
            status,
            body: Some(body),
            file: None,
            retry_after_seconds: None,
        }
    }

    pub(crate) fn no_content() -> Self {
        Self {
            status: 204,
            body: None,
            file: None,
            retry_after_seconds: None,
        }
    }

    /// A file.
    pub(crate) fn file(content_type: &str, bytes: Vec<u8>) -> Self {
        Self {
            file: Some((content_type.to_owned(), bytes)),
            ..Self::json(200, Value::Null)
        }
    }

    /// The flat error of the Compat API.
    pub(crate) fn compat(status: u16, code: u32, message: impl Into<String>) -> Self {
        let message: String = message.into();
        Self::json(
            status,
            json!({ "code": code, "message": message, "more_info": MORE_INFO, "status": status }),
        )
    }

    /// The 404 of the Compat API.
    pub(crate) fn compat_not_found() -> Self {
        Self::compat(404, 20404, "The requested resource was not found")
    }

    /// The list that `POST Calls` answers with, its code a string.
    pub(crate) fn call_errors(status: u16, code: u32, message: &str) -> Self {
        let more_info = "https://signalwire.com/docs/rest/compatibility-api/error-codes";
        Self::json(
            status,
            json!({ "errors": [{ "code": code.to_string(), "message": message, "more_info": more_info }] }),
        )
    }

    /// The list of `/api/relay/rest`.
    pub(crate) fn relay_errors(status: u16, code: &str, detail: &str) -> Self {
        let status_text = status.to_string();
        Self::json(
            status,
            json!({ "errors": [{ "detail": detail, "status": status_text, "title": "Invalid Attribute", "code": code }] }),
        )
    }

    /// The list of the other JSON APIs.
    pub(crate) fn json_errors(status: u16, code: &str, attribute: Option<&str>, message: &str) -> Self {
        let url = format!("https://developer.signalwire.com/rest/overview/error-codes/#{code}");
        let error = json!({ "type": "validation_error", "code": code, "message": message, "attribute": attribute, "url": url });
        Self::json(status, json!({ "errors": [error] }))
    }

    /// `{"error":"Unauthorized"}` and its like.
    pub(crate) fn json_error(status: u16, text: &str) -> Self {
        Self::json(status, json!({ "error": text }))
    }

    pub(crate) fn throttled(mut self, retry_after_seconds: Option<u32>) -> Self {
        self.retry_after_seconds = retry_after_seconds;
        self
    }
}
