//! The codes of this API's refusals, each with its status.

use common::http::Problem;
use common::signalwire;
use serde_json::{Map, Value};

/// Code, status, and what it means. Those of `authorise` are in [`common::caller::denied`].
pub const CODES: &[(&str, u16, &str)] = &[
    ("bad_request", 400, "the request is malformed; `field` names where"),
    ("unauthorized", 401, "no valid bearer token or API key"),
    ("forbidden", 403, "the role or the key's scopes do not allow it"),
    ("unknown_workspace", 404, "there is no such workspace, or it is another's"),
    ("not_found", 404, "there is no such thing in this workspace, or no such route"),
    ("method_not_allowed", 405, "the route is there, but not with this method"),
    ("number_limit", 409, "the plan allows no further number; `allowedBy` says which would"),
    ("number_taken", 409, "another workspace holds this number for the moment"),
    ("number_in_use", 409, "the last number, and conversations are active; `force` releases it all the same"),
    ("no_number", 409, "the number is not in a state for this"),
    ("order_not_retryable", 409, "only an order that needs attention can be tried again"),
    ("not_resendable", 409, "only a message that failed can be sent again"),
    ("contact_exists", 409, "another contact has this phone number; `contactId` names it"),
    ("idempotency_conflict", 409, "the first request with this key still runs"),
    ("too_large", 413, "the body is longer than 64 kB"),
    ("invalid_number", 422, "not a number that can be called or texted"),
    ("country_not_allowed", 422, "a number in a country that is not allowed here"),
    ("destination_blocked", 422, "a premium or satellite number"),
    ("confirmation_mismatch", 422, "`phoneNumber` is not the number that is to be released"),
    ("idempotency_mismatch", 422, "the key was used for another request"),
    ("carrier_refused", 502, "SignalWire said no; `carrierCode` has its code"),
    ("not_stored", 503, "nothing has happened; try again"),
    ("auth_unavailable", 503, "tokens cannot be verified right now"),
];

/// A problem of the table; one that is not there is our own mistake.
pub fn problem(code: &str, detail: Option<&str>, members: Map<String, Value>) -> Option<Problem> {
    if let Some(denied) = common::caller::denied(code) {
        return Some(denied);
    }
    let (code, status, words) = CODES.iter().find(|(known, ..)| *known == code)?;
    let mut problem = Problem::new(*status, code, detail.unwrap_or(words));
    problem.members = members;
    Some(problem)
}

/// A refusal of the request's form.
pub fn bad_request(field: &str, why: &str) -> Problem {
    Problem::new(400, "bad_request", why).with("field", field)
}

/// The carrier did not do it: nothing has changed here.
pub fn carrier(error: &signalwire::Error) -> Problem {
    let mut problem = match error {
        signalwire::Error::RateLimited { .. } | signalwire::Error::OutcomeUnknown(_) => {
            Problem::new(503, "carrier_refused", format!("SignalWire did not do it now: {error}"))
        }
        _ => Problem::new(502, "carrier_refused", format!("SignalWire did not do it: {error}")),
    };
    match error {
        signalwire::Error::RateLimited { retry_after_seconds } => {
            problem.retry_after_seconds = Some(retry_after_seconds.unwrap_or(1).clamp(1, 3600));
        }
        signalwire::Error::OutcomeUnknown(_) => problem.retry_after_seconds = Some(2),
        _ => {}
    }
    problem.with("carrierCode", error.code().unwrap_or(""))
}

/// There is no such thing, or it is another workspace's.
pub fn not_found() -> Problem {
    Problem::new(404, "not_found", "there is no such thing in this workspace")
}
