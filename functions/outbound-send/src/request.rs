//! The request's body, read field by field, so that every refusal names its field.

use common::domain::destination::{AllowedCountries, Refusal};
use common::domain::segments::BODY_CHARS_MAX;
use common::domain::{PhoneNumber, segments};
use common::http::Problem;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

const FIELDS: [&str; 8] = [
    "channel",
    "to",
    "body",
    "workspaceId",
    "mediaUrls",
    "from",
    "connect",
    "quietHours",
];

/// FACTS 4
const MEDIA_MAX: usize = 8;

/// How it goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// SMS, or MMS with media.
    Sms,
    /// WhatsApp.
    WhatsApp,
    /// A call.
    Call,
}

impl Channel {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::WhatsApp => "whatsapp",
            Self::Call => "call",
        }
    }
}

/// What to do while the customer is not to be disturbed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum QuietHours {
    /// Say so.
    #[default]
    Refuse,
    /// Send it when they end.
    Hold,
}

impl QuietHours {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Hold => "hold",
        }
    }
}

/// What is to be sent.
#[derive(Debug, Clone)]
pub struct SendRequest {
    /// How.
    pub channel: Channel,
    /// To whom.
    pub to: PhoneNumber,
    /// The text, or what a call says.
    pub body: String,
    /// For whom.
    pub workspace_id: Uuid,
    /// Public URLs.
    pub media_urls: Vec<String>,
    /// A number's id, E.164 or type.
    pub from: Option<String>,
    /// The agent who is rung first.
    pub connect: Option<PhoneNumber>,
    /// What to do in quiet hours.
    pub quiet: QuietHours,
    /// Why nothing may go there. Told only once it is known that the caller may ask: it is counted for the workspace.
    pub refusal: Option<Problem>,
}

fn bad(field: &'static str, why: &str) -> Problem {
    Problem::new(400, "bad_request", format!("`{field}` {why}")).with("field", field)
}

impl SendRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// `bad_request`, `invalid_number`, `empty_body`, `body_too_long`.
    pub fn read(body: &[u8], countries: &AllowedCountries) -> Result<Self, Problem> {
        let value: Value = serde_json::from_slice(body)
            .map_err(|_| Problem::new(400, "bad_request", "the body is not JSON").with("field", "body"))?;
        let object = value.as_object().ok_or_else(|| {
            Problem::new(400, "bad_request", "the body is not a JSON object").with("field", "body")
        })?;
        if let Some(unknown) = object.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            let name: String = unknown.chars().take(64).collect();
            let why = format!(
                "`{name}` is not a field of this request; they are {}",
                FIELDS.join(", ")
            );
            return Err(Problem::new(400, "bad_request", why).with("field", name));
        }
        let channel = match required(object, "channel")? {
            "sms" => Channel::Sms,
            "whatsapp" => Channel::WhatsApp,
            "call" => Channel::Call,
            _ => return Err(bad("channel", "is one of sms, whatsapp, call")),
        };
        let workspace_id = required(object, "workspaceId")?
            .parse()
            .map_err(|_| bad("workspaceId", "is not a UUID"))?;
        let to = required(object, "to")?;
        let text = optional(object, "body")?.unwrap_or("").replace('\0', "\u{fffd}");
        let from = optional(object, "from")?
            .map(str::trim)
            .filter(|from| !from.is_empty())
            .map(str::to_owned);
        if from
            .as_ref()
            .is_some_and(|from| from.len() > 64 || from.contains(char::is_control))
        {
            return Err(bad("from", "is a number's id, its E.164 form or its type"));
        }
        let connect = optional(object, "connect")?;
        let media_urls = media(object)?;
        let quiet = match optional(object, "quietHours")? {
            None | Some("refuse") => QuietHours::Refuse,
            Some("hold") if channel == Channel::Call => {
                return Err(bad("quietHours", "cannot be hold for a call"));
            }
            Some("hold") => QuietHours::Hold,
            Some(_) => return Err(bad("quietHours", "is one of hold, refuse")),
        };
        match channel {
            Channel::Call if !media_urls.is_empty() => return Err(bad("mediaUrls", "cannot go with a call")),
            Channel::Sms | Channel::WhatsApp if connect.is_some() => {
                return Err(bad("connect", "goes with a call only"));
            }
            Channel::WhatsApp if media_urls.len() > 1 => {
                return Err(bad("mediaUrls", "may have one entry on WhatsApp"));
            }
            _ => {}
        }
        let (to, mut refusal) = number("to", to, countries)?;
        let connect = match connect {
            None => None,
            Some(connect) => {
                let (connect, refused) = number("connect", connect, countries)?;
                refusal = refusal.or(refused);
                Some(connect)
            }
        };
        if text.trim().is_empty() && media_urls.is_empty() && connect.is_none() {
            return Err(
                Problem::new(422, "empty_body", "there is nothing to send: `body` is empty")
                    .with("field", "body"),
            );
        }
        let length = text.chars().count();
        if length > BODY_CHARS_MAX {
            let why = format!("`body` has {length} characters; {BODY_CHARS_MAX} are the most");
            return Err(Problem::new(422, "body_too_long", why).with("field", "body"));
        }
        Ok(Self {
            channel,
            to,
            body: text,
            workspace_id,
            media_urls,
            from,
            connect,
            quiet,
            refusal,
        })
    }

    /// What the carrier will charge for, where we can know.
    pub fn segments(&self) -> Option<i32> {
        (self.channel == Channel::Sms).then(|| segments::count(&self.body))
    }

    /// Media as stored with the message.
    pub fn attachments(&self) -> Value {
        self.media_urls
            .iter()
            .map(|url| json!({ "url": url, "contentType": null }))
            .collect()
    }

    /// The same for two requests that ask for the same, however their JSON is written.
    pub fn hash(&self) -> Vec<u8> {
        let canonical = json!([
            self.channel.as_str(),
            self.to.as_str(),
            self.body,
            self.workspace_id,
            self.media_urls,
            self.from,
            self.connect.as_ref().map(PhoneNumber::as_str),
            self.quiet.as_str(),
        ]);
        Sha256::digest(canonical.to_string()).to_vec()
    }
}

fn optional<'a>(object: &'a Map<String, Value>, field: &'static str) -> Result<Option<&'a str>, Problem> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(bad(field, "is not a text")),
    }
}

fn required<'a>(object: &'a Map<String, Value>, field: &'static str) -> Result<&'a str, Problem> {
    optional(object, field)?
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| bad(field, "is missing"))
}

fn media(object: &Map<String, Value>) -> Result<Vec<String>, Problem> {
    let list = match object.get("mediaUrls") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(bad("mediaUrls", "is not a list")),
    };
    if list.len() > MEDIA_MAX {
        return Err(bad("mediaUrls", "may have eight entries"));
    }
    let read = |entry: &Value| {
        let text = entry
            .as_str()
            .filter(|text| text.len() <= 2048 && !text.contains(char::is_control))?;
        let url = url::Url::parse(text).ok()?;
        (matches!(url.scheme(), "http" | "https") && url.has_host()).then(|| text.to_owned())
    };
    list.iter()
        .map(|entry| {
            read(entry).ok_or_else(|| bad("mediaUrls", "holds something that is not an http(s) URL"))
        })
        .collect()
}

/// A number, and why nothing may go there.
fn number(
    field: &'static str,
    text: &str,
    countries: &AllowedCountries,
) -> Result<(PhoneNumber, Option<Problem>), Problem> {
    let problem =
        |code, why: String| Problem::new(422, code, format!("`{field}`: {why}")).with("field", field);
    let plain: String = text
        .trim()
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.'))
        .collect();
    let number: PhoneNumber = plain
        .parse()
        .map_err(|why| problem("invalid_number", format!("{why}")))?;
    let refusal = match countries.check(&number) {
        Ok(()) => None,
        Err(refusal @ Refusal::Invalid) => return Err(problem("invalid_number", refusal.to_string())),
        Err(refusal @ Refusal::Country(_)) => Some(problem("country_not_allowed", refusal.to_string())),
        Err(refusal @ Refusal::Blocked) => Some(problem("destination_blocked", refusal.to_string())),
    };
    Ok((number, refusal))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"channel":"sms","to":"+14155551234","body":"Hello","workspaceId":"0192f0c1-0000-7000-8000-000000000001"}"#;

    fn read(body: &str) -> Result<SendRequest, Problem> {
        SendRequest::read(body.as_bytes(), &"US,CA".parse().unwrap())
    }

    fn with(change: &[(&str, Value)]) -> Result<SendRequest, Problem> {
        let mut value: Value = serde_json::from_str(GOOD).unwrap();
        for (name, new) in change {
            value[*name] = new.clone();
        }
        read(&value.to_string())
    }

    #[test]
    fn good_ones() {
        let request = read(GOOD).unwrap();
        assert_eq!(
            (request.channel, request.to.as_str(), request.segments()),
            (Channel::Sms, "+14155551234", Some(1))
        );
        assert_eq!(
            with(&[("to", json!("+1 (415) 555-1234"))]).unwrap().hash(),
            request.hash()
        );
        assert_ne!(with(&[("body", json!("Hello!"))]).unwrap().hash(), request.hash());
        assert!(
            with(&[
                ("body", json!("")),
                ("mediaUrls", json!(["https://x.example/a.png"]))
            ])
            .is_ok()
        );
        assert!(
            with(&[
                ("channel", json!("call")),
                ("body", Value::Null),
                ("connect", json!("+14155550111"))
            ])
            .is_ok()
        );
        assert!(with(&[("body", json!("a".repeat(1600)))]).is_ok());
        assert!(request.refusal.is_none());
        let held = with(&[("quietHours", json!("hold"))]).unwrap();
        assert_eq!(
            (held.quiet, request.quiet),
            (QuietHours::Hold, QuietHours::Refuse)
        );
        assert_ne!(held.hash(), request.hash());
    }

    #[test]
    fn refusals_name_code_and_field() {
        for (change, status, code, field) in [
            (vec![("channel", json!("fax"))], 400, "bad_request", "channel"),
            (vec![("channel", json!(3))], 400, "bad_request", "channel"),
            (vec![("to", Value::Null)], 400, "bad_request", "to"),
            (
                vec![("workspaceId", json!("x"))],
                400,
                "bad_request",
                "workspaceId",
            ),
            (vec![("subject", json!("x"))], 400, "bad_request", "subject"),
            (vec![("mediaUrls", json!("x"))], 400, "bad_request", "mediaUrls"),
            (
                vec![("mediaUrls", json!(["ftp://x"]))],
                400,
                "bad_request",
                "mediaUrls",
            ),
            (
                vec![("mediaUrls", json!(["https://x.example/\u{0}"]))],
                400,
                "bad_request",
                "mediaUrls",
            ),
            (
                vec![("mediaUrls", json!(vec!["https://x"; 9]))],
                400,
                "bad_request",
                "mediaUrls",
            ),
            (
                vec![("connect", json!("+14155550111"))],
                400,
                "bad_request",
                "connect",
            ),
            (
                vec![("channel", json!("call")), ("mediaUrls", json!(["https://x"]))],
                400,
                "bad_request",
                "mediaUrls",
            ),
            (vec![("to", json!("4155551234"))], 422, "invalid_number", "to"),
            (vec![("to", json!("+1415555"))], 422, "invalid_number", "to"),
            (
                vec![("to", json!("+442079460958"))],
                422,
                "country_not_allowed",
                "to",
            ),
            (
                vec![("to", json!("+19005551234"))],
                422,
                "destination_blocked",
                "to",
            ),
            (
                vec![("channel", json!("call")), ("connect", json!("+8816123456789"))],
                422,
                "destination_blocked",
                "connect",
            ),
            (
                vec![("quietHours", json!("later"))],
                400,
                "bad_request",
                "quietHours",
            ),
            (
                vec![("channel", json!("call")), ("quietHours", json!("hold"))],
                400,
                "bad_request",
                "quietHours",
            ),
            (vec![("body", json!("  \n"))], 422, "empty_body", "body"),
            (
                vec![("body", json!("a".repeat(1601)))],
                422,
                "body_too_long",
                "body",
            ),
        ] {
            let problem = with(&change).map_or_else(|refused| refused, |read| read.refusal.unwrap());
            assert_eq!((problem.status, problem.code), (status, code), "{change:?}");
            assert_eq!(problem.members["field"], field, "{change:?}");
        }
        for body in ["", "[]", "nonsense", "{\"channel\":"] {
            assert_eq!(read(body).unwrap_err().status, 400, "{body}");
        }
    }
}
