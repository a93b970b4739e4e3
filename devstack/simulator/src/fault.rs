//! Faults to order: what the carrier's API does wrong, once or until told otherwise.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a request is about; `Any` in a fault means every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is named after its REST call")]
pub enum Operation {
    Any,
    Account,
    Search,
    Purchase,
    ListNumbers,
    GetNumber,
    UpdateNumber,
    Release,
    SendMessage,
    ListMessages,
    GetMessage,
    UpdateMessage,
    DeleteMessage,
    ListMedia,
    GetMedia,
    DeleteMedia,
    CreateCall,
    ListCalls,
    GetCall,
    UpdateCall,
    Recordings,
    Transcriptions,
    /// `POST /api/messaging/messages`: WhatsApp, and SMS the JSON way.
    SendJsonMessage,
    MessageLogs,
    CampaignNumbers,
    CampaignOrder,
    CampaignOrders,
    Unassign,
    RelayNumbers,
}

/// Before or after the request has its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Nothing happened at the carrier.
    Before,
    /// It happened; only the answer suffers.
    After,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Fault {
    /// Answers with this status and body.
    Answer {
        /// HTTP status.
        status: u16,
        /// JSON text, or anything.
        body: String,
        /// With or without the effect.
        when: When,
    },
    /// Never answers; the connection stays open.
    Hang {
        /// With or without the effect.
        when: When,
    },
    /// Closes the connection without an answer.
    Close {
        /// With or without the effect.
        when: When,
    },
    /// Works, late.
    Delay {
        /// How late.
        milliseconds: u64,
    },
    /// A 200 with an HTML page, as a wrong host answers (FACTS 1); no effect.
    Html,
    /// The effect and the right status, but half of the JSON.
    TruncatedJson,
    /// 50 MB of JSON string, streamed; no effect.
    HugeBody,
    /// 429, code 20429; no effect.
    RateLimited {
        /// `Retry-After`, which the carrier does not document.
        retry_after_seconds: Option<u32>,
    },
    /// 401, code 20003, as after a rotated token.
    Unauthorized,
}

impl Fault {
    /// A refusal or a breakdown with this status and no effect.
    pub fn status(status: u16) -> Self {
        Self::Answer {
            status,
            body: error_text(status),
            when: When::Before,
        }
    }

    /// The effect happens and the answer is this status.
    pub fn status_after(status: u16) -> Self {
        Self::Answer {
            status,
            body: error_text(status),
            when: When::After,
        }
    }

    /// A refusal in the Compat shape with this status and carrier code.
    pub fn code(status: u16, code: u32, message: &str) -> Self {
        let body = serde_json::json!({ "code": code, "message": message, "more_info": crate::answer::MORE_INFO, "status": status });
        Self::Answer {
            status,
            body: body.to_string(),
            when: When::Before,
        }
    }

    /// A late answer.
    pub fn delay(delay: Duration) -> Self {
        Self::Delay {
            milliseconds: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

fn error_text(status: u16) -> String {
    format!(
        r#"{{"code":{status},"message":"simulated fault","more_info":"{}","status":{status}}}"#,
        crate::answer::MORE_INFO
    )
}

#[derive(Debug, Clone)]
struct Rule {
    operation: Operation,
    fault: Fault,
    remaining: Option<u32>,
}

/// The faults on order; the first that fits is taken.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Rule>);

impl Faults {
    pub(crate) fn order(&mut self, operation: Operation, fault: Fault, times: Option<u32>) {
        self.0.push(Rule {
            operation,
            fault,
            remaining: times,
        });
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn take(&mut self, operation: Operation) -> Option<Fault> {
        let at = self
            .0
            .iter()
            .position(|rule| rule.operation == Operation::Any || rule.operation == operation)?;
        let rule = &mut self.0[at];
        let fault = rule.fault.clone();
        if let Some(left) = &mut rule.remaining {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.0.remove(at);
            }
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_taken_once_or_always() {
        let mut faults = Faults::default();
        faults.order(Operation::Search, Fault::Html, Some(1));
        faults.order(Operation::Any, Fault::Unauthorized, None);
        assert_eq!(faults.take(Operation::Purchase), Some(Fault::Unauthorized));
        assert_eq!(faults.take(Operation::Search), Some(Fault::Html));
        assert_eq!(faults.take(Operation::Search), Some(Fault::Unauthorized));
        faults.clear();
        assert_eq!(faults.take(Operation::Search), None);
    }

    #[test]
    fn a_fault_reads_from_json() {
        let fault: Fault = serde_json::from_str(r#"{"kind":"close","when":"after"}"#).unwrap();
        assert_eq!(fault, Fault::Close { when: When::After });
    }
}
