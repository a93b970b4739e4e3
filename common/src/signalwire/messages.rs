//! Sending SMS and MMS (FACTS 4), and WhatsApp, which only the JSON API offers.

use super::{Client, Error, Leave, records};
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
    /// Until when it may leave.
    pub leave: Leave,
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
    /// Until when it may leave.
    pub leave: Leave,
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
    /// [`Error::OutcomeUnknown`]: it may have been sent. [`Error::TooLate`]: it was not.
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
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let answer: CompatMessage = self
            .send_with(
                message.leave,
                self.compat("Messages"),
                "application/x-www-form-urlencoded",
                body,
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
    /// [`Error::OutcomeUnknown`]: it may have been sent. [`Error::TooLate`]: it was not.
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
        let address = self.space("/api/messaging/messages");
        let answer: JsonMessage = self
            .send_with(message.leave, address, "application/json", request.to_string())
            .await?;
        Ok(AcceptedMessage {
            sid: answer.id,
            status: answer.status,
            segments: records::integer(answer.number_of_segments.as_ref()),
            error_code: records::text(answer.error_code.as_ref()),
        })
    }

    async fn send_with<T: serde::de::DeserializeOwned>(
        &self,
        leave: Leave,
        address: String,
        kind: &'static str,
        body: String,
    ) -> Result<T, Error> {
        if leave.is_over() {
            return Err(Error::TooLate); // before a connection is made for nothing
        }
        let request = self
            .http()
            .post(address)
            .header("content-type", kind)
            .body(leave.guard(body.into_bytes()));
        self.send(request, SEND_SECONDS_MAX).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    /// The connection stands, and then the leave is over: the carrier sees no request that it could act on.
    #[tokio::test]
    async fn a_request_whose_leave_is_over_is_not_completed() {
        let carrier = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = carrier.local_addr().unwrap();
        let settings = crate::config::Settings::of(&[
            ("SIGNALWIRE_PROJECT_ID", "p"),
            ("SIGNALWIRE_TOKEN", "t"),
            ("SIGNALWIRE_SPACE_URL", &format!("http://{address}")),
        ]);
        let client = Client::from_settings(&settings).unwrap();
        let heard = tokio::spawn(async move {
            let (mut connection, _) = carrier.accept().await.unwrap();
            let mut heard = String::new();
            let _ = connection.read_to_string(&mut heard).await;
            heard
        });
        let request = client
            .http()
            .post(client.compat("Messages"))
            .body(Leave::over().guard(b"Body=after+STOP".to_vec()));
        let answer: Result<Value, Error> = client.send(request, 10).await;
        assert_eq!(answer, Err(Error::TooLate));
        let heard = heard.await.unwrap();
        assert!(!heard.contains("STOP"), "{heard}");
        let message = MessageRequest {
            from: "+14055550123",
            to: "+14155551234",
            body: "Hi",
            media_urls: &[],
            status_callback: "https://x.example/status",
            max_price: None,
            leave: Leave::over(),
        };
        let answer = client.send_message(&message).await;
        assert_eq!(
            answer.unwrap_err(),
            Error::TooLate,
            "nobody listens there any more"
        );
    }
}
