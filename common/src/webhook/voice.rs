//! Voice webhooks, typed.

use super::form::Form;
use super::gate::Rejection;
use crate::domain::{Party, PhoneNumber, status};
use serde_json::{Value, json};

/// A call that somebody makes to one of our numbers (FACTS 6).
#[derive(Debug)]
pub struct InboundCall {
    /// The call's SID.
    pub sid: String,
    /// The number that was called.
    pub business: PhoneNumber,
    /// Who calls; `anonymous` when withheld.
    pub customer: Party,
    /// In our words; `ringing` when the carrier says nothing.
    pub status: &'static str,
}

impl InboundCall {
    /// Reads the fields.
    ///
    /// # Errors
    /// [`Rejection::Malformed`] that names the first bad field.
    pub fn read(form: &Form) -> Result<Self, Rejection> {
        Ok(Self {
            sid: form.require_sid("CallSid")?,
            business: form
                .require("To")?
                .parse()
                .map_err(|_| Rejection::Malformed { field: "To" })?,
            customer: Party::of_call(&form.get("From").unwrap_or_default())
                .map_err(|_| Rejection::Malformed { field: "From" })?,
            status: form
                .get("CallStatus")
                .and_then(|word| status::call(&word))
                .unwrap_or("ringing"),
        })
    }
}

/// How a forwarded leg ended.
#[derive(Debug)]
pub struct DialResult {
    /// The inbound call's SID.
    pub call_sid: String,
    /// `DialCallStatus` as sent.
    pub status: String,
    /// The call's own end, where it has come to it: a report of the call's status as the database takes them.
    pub call: Option<Value>,
}

impl DialResult {
    /// Reads the fields of a `<Dial action>` request.
    ///
    /// # Errors
    /// [`Rejection::Malformed`] that names the first bad field.
    pub fn read(form: &Form) -> Result<Self, Rejection> {
        Ok(Self {
            call_sid: form.require_sid("CallSid")?,
            status: form.require("DialCallStatus")?.chars().take(32).collect(),
            call: form
                .get("CallStatus")
                .and_then(|word| status::call(&word))
                .filter(|call| status::is_end_of_call(call))
                .map(|call| json!({ "status": call, "duration": form.number("CallDuration") })),
        })
    }

    /// Whether somebody talked with the caller (`answered` comes from conferences).
    pub fn was_answered(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "answered")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls() {
        let form = Form::parse(b"CallSid=C1&To=%2B14055551234&From=Anonymous&CallStatus=ringing").unwrap();
        let call = InboundCall::read(&form).unwrap();
        assert_eq!(call.customer.as_str(), "anonymous");
        let form = Form::parse(b"CallSid=C1&To=x").unwrap();
        assert_eq!(
            InboundCall::read(&form).unwrap_err(),
            Rejection::Malformed { field: "To" }
        );
    }

    #[test]
    fn dialled() {
        for (status, answered) in [
            ("completed", true),
            ("answered", true),
            ("no-answer", false),
            ("busy", false),
            ("x", false),
        ] {
            let form = Form::parse(format!("CallSid=C1&DialCallStatus={status}").as_bytes()).unwrap();
            assert_eq!(DialResult::read(&form).unwrap().was_answered(), answered);
        }
        let call = |fields: &str| {
            let form =
                Form::parse(format!("CallSid=C1&DialCallStatus=completed{fields}").as_bytes()).unwrap();
            DialResult::read(&form).unwrap().call
        };
        assert_eq!(call("&CallStatus=in-progress"), None);
        assert_eq!(
            call("&CallStatus=completed&CallDuration=42"),
            Some(json!({ "status": "completed", "duration": 42 }))
        );
    }
}
