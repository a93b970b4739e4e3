//! Sending SMS and MMS (FACTS 4), and WhatsApp, which only the JSON API offers.

use super::{Client, Error, records};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};

/// Longer than the carrier takes to answer, shorter than API Gateway waits for us (30 s).
const SEND_SECONDS_MAX: u64 = 10;

/// An SMS, or an MMS when there is media.
#[derive(Debug, Clone, Copy)]
pub struct MessageRequest<'a> {
    /// One of our numbers.
    pub from: &'a str,
    /// E.164.
    pub to: &'a str,
    /// At most 1600 characters.
    pub body: &'a str,
    /// At most eight public URLs.
    pub media_urls: &'a [String],
    /// Where every status goes.
    pub status_callback: &'a str,
    /// Dollars: above it the carrier is not to send.
    pub max_price: Option<Decimal>,
}

/// A WhatsApp message: free text within 24 hours of the customer's last one, or one medium with a caption.
#[derive(Debug, Clone, Copy)]
pub struct WhatsAppRequest<'a> {
    /// The WhatsApp sender, E.164.
    pub from: &'a str,
    /// E.164.
    pub to: &'a str,
    /// The text, or the medium's caption.
    pub body: &'a str,
    /// A public URL.
    pub media_url: Option<&'a str>,
    /// Where every status goes.
    pub status_callback: &'a str,
}

/// A message that the carrier took.
#[derive(Debug, Clone)]
pub struct AcceptedMessage {
    /// SID.
    pub sid: String,
    /// The carrier's word.
    pub status: String,
    /// As the carrier counts.
    pub segments: Option<i32>,
    /// Set when it was refused at once.
    pub error_code: Option<String>,
}

#[derive(Deserialize)]
struct CompatMessage {
    sid: String,
    status: String,
    num_segments: Option<Value>,
    error_code: Option<Value>,
}

#[derive(Deserialize)]
struct JsonMessage {
    id: String,
    status: String,
    number_of_segments: Option<Value>,
    error_code: Option<Value>,
}

/// A price as the carrier reads it: four decimals at most.
pub(super) fn price(price: Decimal) -> String {
    price.round_dp(4).normalize().to_string()
}

impl Client {
    /// Sends an SMS or MMS.
    ///
    /// # Errors
    /// [`Error::OutcomeUnknown`]: it may have been sent.
    pub async fn send_message(&self, message: &MessageRequest<'_>) -> Result<AcceptedMessage, Error> {
        let mut form = vec![
            ("From", message.from),
            ("To", message.to),
            ("StatusCallback", message.status_callback),
        ];
        if !message.body.is_empty() {
            form.push(("Body", message.body));
        }
        let max_price = message.max_price.map(price);
        form.extend(max_price.as_deref().map(|price| ("MaxPrice", price)));
        form.extend(message.media_urls.iter().map(|url| ("MediaUrl", url.as_str())));
        let answer: CompatMessage = self
            .send(
                self.http().post(self.compat("Messages")).form(&form),
                SEND_SECONDS_MAX,
            )
            .await?;
        Ok(AcceptedMessage {
            sid: answer.sid,
            status: answer.status,
            segments: records::integer(answer.num_segments.as_ref()),
            error_code: records::text(answer.error_code.as_ref()),
        })
    }

    /// Sends a WhatsApp message.
    ///
    /// # Errors
    /// [`Error::OutcomeUnknown`]: it may have been sent.
    pub async fn send_whatsapp(&self, message: &WhatsAppRequest<'_>) -> Result<AcceptedMessage, Error> {
        let (kind, body) = match message.media_url {
            None => ("whatsapp_media_text", json!(message.body)),
            Some(link) if message.body.is_empty() => ("whatsapp_media_image", json!({ "link": link })),
            Some(link) => (
                "whatsapp_media_image",
                json!({ "link": link, "caption": message.body }),
            ),
        };
        let request = json!({
            "from": format!("whatsapp:{}", message.from),
            "to": message.to,
            "message_type": kind,
            "body": body,
            "status_callback": message.status_callback,
        });
        let answer: JsonMessage = self
            .send(
                self.http()
                    .post(self.space("/api/messaging/messages"))
                    .json(&request),
                SEND_SECONDS_MAX,
            )
            .await?;
        Ok(AcceptedMessage {
            sid: answer.id,
            status: answer.status,
            segments: records::integer(answer.number_of_segments.as_ref()),
            error_code: records::text(answer.error_code.as_ref()),
        })
    }
}
