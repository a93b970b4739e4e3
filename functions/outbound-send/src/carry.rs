//! The one request to the carrier.

use crate::request::Channel;
use common::domain::status;
use common::signalwire::{CallRequest, Client, Error, Leave, MessageRequest, WhatsAppRequest};
use common::webhook::urls::AppUrl;
use rust_decimal::Decimal;
use uuid::Uuid;

/// A row, as the carrier is asked for it.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// The row: its callbacks name it.
    pub id: Uuid,
    /// How.
    pub channel: Channel,
    /// One of our numbers.
    pub from: &'a str,
    /// The customer.
    pub to: &'a str,
    /// What is said.
    pub body: &'a str,
    /// Public URLs.
    pub media_urls: &'a [String],
    /// The agent who is rung first.
    pub connect: Option<&'a str>,
    /// Dollars: a message, or a minute of a call.
    pub max_price: Option<Decimal>,
    /// Until when a message may leave; whoever asked not to be texted may still be called.
    pub leave: Leave,
}

/// What the carrier took.
#[derive(Debug, Clone)]
pub struct Carried {
    /// The SID.
    pub sid: String,
    /// In our words.
    pub status: &'static str,
    /// As the carrier counts.
    pub segments: Option<i32>,
    /// Why it was refused after all, where the answer says so.
    pub error_code: Option<String>,
}

/// Asks the carrier.
///
/// # Errors
/// [`Error::OutcomeUnknown`]: it may have been sent. [`Error::TooLate`]: it was not, and may be after asking for leave again.
pub async fn carry(carrier: &Client, urls: &AppUrl, delivery: &Delivery<'_>) -> Result<Carried, Error> {
    let status_callback = &urls.status_of(delivery.id);
    let Delivery { from, to, body, .. } = *delivery;
    let accepted = match delivery.channel {
        Channel::Sms => {
            let message = MessageRequest {
                from,
                to,
                body,
                media_urls: delivery.media_urls,
                status_callback,
                max_price: delivery.max_price,
                leave: delivery.leave,
            };
            carrier.send_message(&message).await?
        }
        Channel::WhatsApp => {
            let media_url = delivery.media_urls.first().map(String::as_str);
            carrier
                .send_whatsapp(&WhatsAppRequest {
                    from,
                    to,
                    body,
                    media_url,
                    status_callback,
                    leave: delivery.leave,
                })
                .await?
        }
        Channel::Call => {
            // A call that joins two people rings the agent first; its script then dials the customer.
            let call = CallRequest {
                from,
                to: delivery.connect.unwrap_or(to),
                url: &urls.outbound_call(delivery.id),
                status_callback,
                max_price: delivery.max_price,
            };
            let placed = carrier.place_call(&call).await?;
            return Ok(Carried {
                sid: placed.sid,
                status: status::call(&placed.status).unwrap_or("queued"),
                segments: None,
                error_code: None,
            });
        }
    };
    let segments = if delivery.channel == Channel::Sms {
        accepted.segments
    } else {
        None
    };
    Ok(Carried {
        sid: accepted.sid,
        status: status::message(&accepted.status).unwrap_or("queued"),
        segments,
        error_code: accepted.error_code,
    })
}
