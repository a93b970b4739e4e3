//! An inbound SMS, MMS or WhatsApp message, typed.

use super::form::Form;
use super::gate::Rejection;
use crate::domain::{Keyword, Party, PhoneNumber, classify};
use serde_json::{Value, json};

/// More media than a message can carry (FACTS 4: eight); what a form states beyond is not read.
const MEDIA_MAX: usize = 20;

/// How a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// SMS or MMS.
    Sms,
    /// WhatsApp.
    WhatsApp,
}

impl Channel {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::WhatsApp => "whatsapp",
        }
    }
}

/// What the carrier tells of a message that arrived (FACTS 6).
#[derive(Debug)]
pub struct InboundMessage {
    /// The message's SID.
    pub sid: String,
    /// How it came.
    pub channel: Channel,
    /// The number that was written to.
    pub business: PhoneNumber,
    /// Who wrote.
    pub customer: Party,
    /// The text; empty for a picture alone.
    pub body: String,
    /// `[{"url": …, "contentType": …}]`
    pub attachments: Value,
    /// Segments as the carrier counted them, else as we do.
    pub segments: i32,
    /// The keyword that the whole message is, and the word.
    pub keyword: Option<(Keyword, String)>,
}

impl InboundMessage {
    /// Reads the fields. `whatsapp_path`: it came to the WhatsApp route.
    ///
    /// # Errors
    /// [`Rejection::Malformed`] that names the first bad field.
    pub fn read(form: &Form, whatsapp_path: bool) -> Result<Self, Rejection> {
        let sid = form
            .require_sid(if form.get("MessageSid").is_some() {
                "MessageSid"
            } else {
                "SmsSid"
            })
            .map_err(|_| Rejection::Malformed { field: "MessageSid" })?;
        let (to, to_whatsapp) = address(form.require("To")?.as_ref());
        let (from, from_whatsapp) = address(form.require("From")?.as_ref());
        let business = to.parse().map_err(|_| Rejection::Malformed { field: "To" })?;
        let customer = Party::of_message(&from).map_err(|_| Rejection::Malformed { field: "From" })?;
        let body = form.get("Body").unwrap_or_default().into_owned();
        Ok(Self {
            sid,
            channel: if whatsapp_path || to_whatsapp || from_whatsapp {
                Channel::WhatsApp
            } else {
                Channel::Sms
            },
            business,
            customer,
            attachments: media(form),
            segments: form
                .number("NumSegments")
                .unwrap_or_else(|| crate::domain::segments::count(&body)),
            keyword: classify(&body),
            body,
        })
    }
}

fn address(text: &str) -> (String, bool) {
    match text.split_at_checked("whatsapp:".len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("whatsapp:") => (rest.to_owned(), true),
        _ => (text.to_owned(), false),
    }
}

/// The media, whether or not `NumMedia` counts them: nothing that a customer sent is left out for want of a number.
fn media(form: &Form) -> Value {
    let items = (0..MEDIA_MAX).filter_map(|index| {
        let url = form
            .get(&format!("MediaUrl{index}"))
            .filter(|url| !url.is_empty())?;
        let kind = form.get(&format!("MediaContentType{index}"));
        Some(json!({ "url": url, "contentType": kind }))
    });
    Value::Array(items.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<InboundMessage, Rejection> {
        InboundMessage::read(&Form::parse(body.as_bytes()).unwrap(), false)
    }

    #[test]
    fn the_guides_curl() {
        let sms = read("To=%2B14055551234&From=%2B14155551234&Body=Test&MessageSid=SM123").unwrap();
        assert_eq!(
            (sms.sid.as_str(), sms.body.as_str(), sms.segments),
            ("SM123", "Test", 1)
        );
        assert_eq!(sms.business.as_str(), "+14055551234");
        assert_eq!(sms.channel, Channel::Sms);
        assert!(sms.keyword.is_none());
    }

    #[test]
    fn media_and_whatsapp() {
        let sms = read("To=whatsapp%3A%2B14055551234&From=WhatsApp%3A%2B14155551234&SmsSid=X&NumMedia=3&MediaUrl0=https%3A%2F%2Fa&MediaContentType0=image%2Fpng&MediaUrl2=https%3A%2F%2Fc").unwrap();
        assert_eq!(sms.channel, Channel::WhatsApp);
        assert_eq!(sms.body, "");
        assert_eq!(
            sms.attachments,
            json!([{"url": "https://a", "contentType": "image/png"}, {"url": "https://c", "contentType": null}])
        );
        let uncounted =
            "To=%2B14055551234&From=%2B14155551234&MessageSid=X&MediaUrl0=https%3A%2F%2Fa&MediaUrl1=";
        assert_eq!(
            read(uncounted).unwrap().attachments,
            json!([{"url": "https://a", "contentType": null}])
        );
    }

    #[test]
    fn bad_fields_are_named() {
        for (body, field) in [
            ("From=%2B14155551234&MessageSid=1", "To"),
            ("To=14055551234&From=%2B14155551234&MessageSid=1", "To"),
            ("To=%2B14055551234&MessageSid=1", "From"),
            ("To=%2B14055551234&From=abc&MessageSid=1", "From"),
            ("To=%2B14055551234&From=%2B14155551234", "MessageSid"),
            ("hello", "MessageSid"),
            ("", "MessageSid"),
        ] {
            assert_eq!(read(body).unwrap_err(), Rejection::Malformed { field }, "{body}");
        }
    }
}
