//! Placing calls (FACTS 5).

use super::{Client, Error};
use rust_decimal::Decimal;
use serde::Deserialize;

/// A call that we place.
#[derive(Debug, Clone, Copy)]
pub struct CallRequest<'a> {
    /// One of our numbers: what the called person sees.
    pub from: &'a str,
    /// E.164: who is rung first.
    pub to: &'a str,
    /// Where the carrier fetches what to do once somebody answers.
    pub url: &'a str,
    /// Where every status goes.
    pub status_callback: &'a str,
    /// Dollars a minute: above it the carrier is not to call.
    pub max_price: Option<Decimal>,
}

/// A call that the carrier took.
#[derive(Debug, Clone, Deserialize)]
pub struct PlacedCall {
    /// SID.
    pub sid: String,
    /// The carrier's word.
    pub status: String,
}

impl Client {
    /// Places a call.
    ///
    /// # Errors
    /// [`Error::OutcomeUnknown`]: the telephone may ring.
    pub async fn place_call(&self, call: &CallRequest<'_>) -> Result<PlacedCall, Error> {
        let max_price = call.max_price.map(super::messages::price);
        let mut form = vec![
            ("From", call.from),
            ("To", call.to),
            ("Url", call.url),
            ("Method", "POST"),
            ("StatusCallback", call.status_callback),
            ("StatusCallbackMethod", "POST"),
            ("StatusCallbackEvent", "initiated"),
            ("StatusCallbackEvent", "ringing"),
            ("StatusCallbackEvent", "answered"),
            ("StatusCallbackEvent", "completed"),
        ];
        form.extend(max_price.as_deref().map(|price| ("MaxPricePerMinute", price)));
        self.send(self.http().post(self.compat("Calls")).form(&form), 10)
            .await
    }
}
