//! Reading back what the carrier knows: messages, calls, our numbers (FACTS 1 paging, 3, 4, 5).

use super::{Client, Error, segment};
use crate::webhook::urls::AppUrl;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use serde::Deserialize;
use serde_json::Value;

/// The most that the carrier gives on a page.
pub(super) const PAGE_SIZE: &str = "1000";

/// A message as the carrier has it. Numbers come as numbers or as texts (FACTS 4).
#[derive(Debug, Clone, Deserialize)]
pub struct MessageRecord {
    /// SID.
    pub sid: String,
    /// E.164.
    pub from: String,
    /// E.164.
    pub to: String,
    /// The text; null when it was redacted or filtered.
    pub body: Option<String>,
    /// `inbound`, `outbound-api`, `outbound-call`, `outbound-reply`
    pub direction: String,
    /// The carrier's word.
    pub status: String,
    num_segments: Option<Value>,
    num_media: Option<Value>,
    error_code: Option<Value>,
    price: Option<Value>,
    date_created: Option<String>,
    date_sent: Option<String>,
}

impl MessageRecord {
    /// As charged.
    pub fn segments(&self) -> Option<i32> {
        integer(self.num_segments.as_ref())
    }

    /// How many media it has.
    pub fn media(&self) -> i32 {
        integer(self.num_media.as_ref()).unwrap_or(0)
    }

    /// Why it failed.
    pub fn error_code(&self) -> Option<String> {
        text(self.error_code.as_ref())
    }

    /// What it cost, as a decimal text.
    pub fn price(&self) -> Option<String> {
        text(self.price.as_ref())
    }

    /// When the carrier made it; unreadable times (FACTS 1) count as none.
    pub fn created(&self) -> Option<Timestamp> {
        [&self.date_created, &self.date_sent]
            .into_iter()
            .flatten()
            .find_map(|text| time(text))
    }

    /// Whether a customer wrote it.
    pub fn is_inbound(&self) -> bool {
        self.direction == "inbound"
    }

    /// Whether the carrier sent it because a webhook was answered so.
    pub fn is_reply(&self) -> bool {
        self.direction == "outbound-reply"
    }
}

/// A call as the carrier has it.
#[derive(Debug, Clone, Deserialize)]
pub struct CallRecord {
    /// SID.
    pub sid: String,
    /// The call that this is a leg of.
    pub parent_call_sid: Option<String>,
    /// E.164.
    pub from: String,
    /// E.164.
    pub to: String,
    /// The carrier's word.
    pub status: String,
    duration: Option<Value>,
    price: Option<Value>,
    date_created: Option<String>,
    start_time: Option<String>,
}

impl CallRecord {
    /// Seconds.
    pub fn duration(&self) -> Option<i32> {
        integer(self.duration.as_ref())
    }

    /// What it cost, as a decimal text.
    pub fn price(&self) -> Option<String> {
        text(self.price.as_ref())
    }

    /// When the carrier made it.
    pub fn created(&self) -> Option<Timestamp> {
        [&self.date_created, &self.start_time]
            .into_iter()
            .flatten()
            .find_map(|text| time(text))
    }
}

/// A number of ours with where its webhooks go.
#[derive(Debug, Clone, Deserialize)]
pub struct NumberRecord {
    /// SID.
    pub sid: String,
    /// E.164.
    pub phone_number: String,
    /// As given at the purchase.
    pub friendly_name: Option<String>,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

impl NumberRecord {
    /// Whether every webhook goes where it should, by POST.
    pub fn is_configured_for(&self, urls: &AppUrl) -> bool {
        let is = |field: &str, wanted: &str| self.rest.get(field).and_then(Value::as_str) == Some(wanted);
        let by_post = |field: &str| {
            self.rest
                .get(field)
                .and_then(Value::as_str)
                .is_none_or(|m| m.eq_ignore_ascii_case("POST"))
        };
        is("sms_url", &urls.sms())
            && is("voice_url", &urls.voice())
            && is("status_callback", &urls.status())
            && is("sms_fallback_url", &urls.fallback_sms())
            && is("voice_fallback_url", &urls.fallback_voice())
            && [
                "sms_method",
                "voice_method",
                "status_callback_method",
                "sms_fallback_method",
                "voice_fallback_method",
            ]
            .into_iter()
            .all(by_post)
    }
}

#[derive(Deserialize)]
struct Page<T> {
    #[serde(alias = "messages", alias = "calls", alias = "incoming_phone_numbers")]
    items: Vec<T>,
    next_page_uri: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct MediaList {
    #[serde(default)]
    pub(super) media_list: Vec<MediaItem>,
}

#[derive(Deserialize)]
pub(super) struct MediaItem {
    pub(super) sid: Option<String>,
    uri: String,
    content_type: Option<String>,
}

/// One page, and where the next one is.
#[derive(Debug, Clone)]
pub struct Listed<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// To be handed back for the next one.
    pub next: Option<String>,
}

impl Client {
    /// A message.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the carrier knows none of that SID.
    pub async fn find_message(&self, sid: &str) -> Result<MessageRecord, Error> {
        self.send(
            self.http()
                .get(self.compat(&format!("Messages/{}", segment(sid)))),
            10,
        )
        .await
    }

    /// A call.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the carrier knows none of that SID.
    pub async fn find_call(&self, sid: &str) -> Result<CallRecord, Error> {
        self.send(
            self.http().get(self.compat(&format!("Calls/{}", segment(sid)))),
            10,
        )
        .await
    }

    /// A page of messages between two numbers.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn messages_between(&self, from: &str, to: &str) -> Result<Vec<MessageRecord>, Error> {
        let query = [("From", from), ("To", to), ("PageSize", PAGE_SIZE)];
        let page: Page<MessageRecord> = self
            .send(self.http().get(self.compat("Messages")).query(&query), 15)
            .await?;
        Ok(page.items)
    }

    /// A page of calls between two numbers.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn calls_between(&self, from: &str, to: &str) -> Result<Vec<CallRecord>, Error> {
        let query = [("From", from), ("To", to), ("PageSize", PAGE_SIZE)];
        let page: Page<CallRecord> = self
            .send(self.http().get(self.compat("Calls")).query(&query), 15)
            .await?;
        Ok(page.items)
    }

    /// All messages after a day (`2026-11-19`), page by page.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn messages_after(
        &self,
        day: &str,
        next: Option<&str>,
    ) -> Result<Listed<MessageRecord>, Error> {
        let request = match next {
            Some(uri) => self.http().get(self.follow(uri)?),
            None => self
                .http()
                .get(self.compat("Messages"))
                .query(&[("DateSent>", day), ("PageSize", PAGE_SIZE)]),
        };
        self.page(request).await
    }

    /// All calls and their legs, page by page. Not by `StartTime`: a leg that nobody took has none, and is charged all the same.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn calls(&self, next: Option<&str>) -> Result<Listed<CallRecord>, Error> {
        let request = match next {
            Some(uri) => self.http().get(self.follow(uri)?),
            None => self
                .http()
                .get(self.compat("Calls"))
                .query(&[("PageSize", PAGE_SIZE)]),
        };
        self.page(request).await
    }

    /// All our numbers, page by page. A row without SID or number is left out: whoever misses a number asks for it by its SID.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn owned_numbers(&self, next: Option<&str>) -> Result<Listed<NumberRecord>, Error> {
        let request = match next {
            Some(uri) => self.http().get(self.follow(uri)?),
            None => self
                .http()
                .get(self.compat("IncomingPhoneNumbers"))
                .query(&[("PageSize", PAGE_SIZE)]),
        };
        let Listed { items, next } = self.page(request).await?;
        let items = readable(items);
        Ok(Listed { items, next })
    }

    /// Whether a number of that SID is still ours.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn owns_number(&self, sid: &str) -> Result<bool, Error> {
        let request = self
            .http()
            .get(self.compat(&format!("IncomingPhoneNumbers/{}", segment(sid))));
        match self.send_for_bytes(request, 10).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Points a number's webhooks to where they should go.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn configure_number(&self, sid: &str, urls: &AppUrl) -> Result<(), Error> {
        let form = super::phone_numbers::webhooks(urls);
        let request = self
            .http()
            .post(self.compat(&format!("IncomingPhoneNumbers/{}", segment(sid))))
            .form(&form);
        self.send::<serde::de::IgnoredAny>(request, 15).await.map(|_| ())
    }

    /// The media of a message, as `[{"url": …, "contentType": …}]`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn media_of(&self, sid: &str) -> Result<Value, Error> {
        let list: MediaList = self
            .send(
                self.http()
                    .get(self.compat(&format!("Messages/{}/Media", segment(sid)))),
                10,
            )
            .await?;
        let items = list.media_list.iter().map(|item| {
            serde_json::json!({ "url": self.space(item.uri.trim_end_matches(".json")), "contentType": item.content_type })
        });
        Ok(Value::Array(items.collect()))
    }

    /// A recording as MP3.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::NotFound`] also for an address that is not the carrier's.
    pub async fn fetch_recording(&self, address: &str) -> Result<Vec<u8>, Error> {
        let mut url = url::Url::parse(address).map_err(|_| Error::NotFound)?;
        let path = url
            .path()
            .trim_end_matches(".wav")
            .trim_end_matches(".json")
            .trim_end_matches(".mp3");
        let path = format!("{path}.mp3");
        url.set_path(&path);
        self.fetch(url, 20).await
    }

    /// What a customer sent along with a message.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::NotFound`] also for an address that is not the carrier's.
    pub async fn fetch_media(&self, address: &str) -> Result<Vec<u8>, Error> {
        let url = url::Url::parse(address).map_err(|_| Error::NotFound)?;
        self.fetch(url, 20).await
    }

    async fn page<T: serde::de::DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<Listed<T>, Error> {
        let page: Page<T> = self.send(request, 30).await?;
        Ok(Listed {
            items: page.items,
            next: page.next_page_uri.filter(|uri| !uri.is_empty()),
        })
    }

    /// The next page is a path on our own host; any other answer is not followed (FACTS 1).
    pub(super) fn follow(&self, uri: &str) -> Result<String, Error> {
        if uri.starts_with('/') && !uri.starts_with("//") {
            Ok(self.space(uri))
        } else {
            Err(Error::OutcomeUnknown(
                "the next page is on another host".to_owned(),
            ))
        }
    }
}

/// The numbers among the rows of a list.
fn readable(rows: Vec<Value>) -> Vec<NumberRecord> {
    let all = rows.len();
    let numbers: Vec<NumberRecord> = rows
        .into_iter()
        .filter_map(|row| serde_json::from_value(row).ok())
        .collect();
    if numbers.len() < all {
        let count = all - numbers.len();
        tracing::warn!(
            count,
            "SignalWire: numbers of ours that cannot be read are left out"
        );
    }
    numbers
}

pub(super) fn integer(value: Option<&Value>) -> Option<i32> {
    match value? {
        Value::Number(number) => number.as_i64().and_then(|number| i32::try_from(number).ok()),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

pub(super) fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn time(text: &str) -> Option<Timestamp> {
    DateTimeParser::new()
        .relaxed_weekday(true)
        .parse_timestamp(text)
        .ok()
        .or_else(|| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tolerant_records() {
        let message: MessageRecord = serde_json::from_str(
            r#"{"sid":"S","from":"+1","to":"+2","body":null,"direction":"inbound","status":"received","num_segments":"2",
                "num_media":1,"error_code":30003,"price":-0.0079,"date_created":"Fri, 25 Sep 2026 18:42:43 +0000","uri":"/x"}"#,
        )
        .unwrap();
        assert_eq!(
            (
                message.segments(),
                message.media(),
                message.error_code().as_deref()
            ),
            (Some(2), 1, Some("30003"))
        );
        assert_eq!(message.price().as_deref(), Some("-0.0079"));
        assert_eq!(message.created().unwrap().to_string(), "2026-09-25T18:42:43Z");
        assert!(message.is_inbound());
    }

    #[test]
    fn an_odd_row_costs_the_other_numbers_nothing() {
        let rows = serde_json::json!([
            null,
            { "sid": "a", "phone_number": "+14055550100", "friendly_name": "A", "capabilities": [] },
            { "sid": "b" },
            { "sid": null, "phone_number": "+14055550101" },
            { "sid": "c", "phone_number": "+14055550102", "capabilities": { "sms": "yes" } },
        ]);
        let Value::Array(rows) = rows else { panic!() };
        let sids: Vec<String> = readable(rows).into_iter().map(|number| number.sid).collect();
        assert_eq!(sids, ["a", "c"]);
    }

    #[test]
    fn pages_under_either_name() {
        for name in ["messages", "calls", "incoming_phone_numbers"] {
            let page: Page<Value> =
                serde_json::from_str(&format!(r#"{{"{name}":[1],"next_page_uri":null,"page":0}}"#)).unwrap();
            assert_eq!(page.items.len(), 1);
        }
    }
}
