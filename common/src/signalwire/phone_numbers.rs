//! Searching, buying, configuring and releasing numbers (FACTS 2 and 3).

use super::{Client, Error, records, segment};
use crate::domain::PhoneNumber;
use crate::webhook::urls::AppUrl;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Numbers are asked for by a filter that leaves one; where it does not filter, a project has some thousands (FACTS 1).
const PAGES_MAX: usize = 100;

/// For all of these pages together: a purchase waits for them, and the function that buys ends at 90 s.
const PAGES_TIME_MAX: Duration = Duration::from_secs(25);

/// Where to look. Everything is optional beside the country.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search<'a> {
    /// ISO 3166, `US` or `CA`.
    pub country: &'a str,
    /// Three digits.
    pub area_code: Option<&'a str>,
    /// Two letters.
    pub region: Option<&'a str>,
}

/// What a person looks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Browse<'a> {
    /// ISO 3166, `US` or `CA`.
    pub country: &'a str,
    /// Three digits.
    pub area_code: Option<&'a str>,
    /// Digits, letters as on a telephone's keys, and `*`.
    pub contains: Option<&'a str>,
    /// Two letters.
    pub region: Option<&'a str>,
    /// Goes with a region only (FACTS 2).
    pub city: Option<&'a str>,
}

/// A number that can be bought, now; nothing is reserved (FACTS 2).
#[derive(Debug, Clone, Deserialize)]
pub struct AvailableNumber {
    /// E.164.
    pub phone_number: String,
    /// Two letters.
    pub region: Option<String>,
    /// In capitals: what stands in a locality's place (FACTS 2).
    #[serde(default)]
    pub rate_center: Option<String>,
    /// Keys in either case: `voice`, `SMS`, `MMS` (FACTS 2).
    #[serde(default, deserialize_with = "capabilities")]
    pub capabilities: BTreeMap<String, bool>,
}

impl AvailableNumber {
    /// Whether it does both voice and SMS. The carrier's own filters do not filter (FACTS 2).
    pub fn has_voice_and_sms(&self) -> bool {
        let has = |wanted: &str| {
            self.capabilities
                .iter()
                .any(|(name, on)| *on && name.eq_ignore_ascii_case(wanted))
        };
        has("voice") && has("sms")
    }
}

/// A number of ours.
#[derive(Debug, Clone, Deserialize)]
pub struct OwnedNumber {
    /// SID.
    pub sid: String,
    /// E.164.
    pub phone_number: String,
    /// As given at the purchase.
    pub friendly_name: Option<String>,
    /// What it can do.
    #[serde(default, deserialize_with = "capabilities")]
    pub capabilities: BTreeMap<String, bool>,
}

/// A purchase, with everything that the number needs from its first second.
#[derive(Debug, Clone, Copy)]
pub struct Purchase<'a> {
    /// E.164.
    pub phone_number: &'a str,
    /// Carries the order's id, so that a purchase whose answer was lost is found again.
    pub friendly_name: &'a str,
    /// Where its webhooks go.
    pub urls: &'a AppUrl,
}

#[derive(Deserialize)]
struct Available {
    available_phone_numbers: Vec<Value>,
}

#[derive(Deserialize)]
struct Owned {
    incoming_phone_numbers: Vec<Value>,
    next_page_uri: Option<String>,
}

impl Owned {
    /// The row of a number, if the page has it. A row of another number may look as it likes; one of which it cannot be said
    /// whose it is, or which is the wanted one and cannot be read, is an error: "not there" would mean "to be bought".
    fn find(self, phone_number: &str) -> Result<Option<OwnedNumber>, Error> {
        let unreadable = || Error::OutcomeUnknown("a number of ours in its list cannot be read".to_owned());
        let number_of = |row: &Value| row["phone_number"].as_str().map(str::to_owned);
        let mut is_whole = true;
        for row in self.incoming_phone_numbers {
            match number_of(&row) {
                Some(number) if number == phone_number => {
                    return serde_json::from_value(row).map(Some).map_err(|_| unreadable());
                }
                Some(_) => {}
                None => is_whole = false,
            }
        }
        if is_whole { Ok(None) } else { Err(unreadable()) }
    }
}

/// What a number can do, as far as it is said by true and false; anything else says nothing.
fn capabilities<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, bool>, D::Error> {
    let Value::Object(said) = Value::deserialize(from)? else {
        return Ok(BTreeMap::new());
    };
    let known = said
        .into_iter()
        .filter_map(|(name, on)| Some((name, on.as_bool()?)));
    Ok(known.collect())
}

/// The rows that are numbers for sale. One that cannot be read, or names no number, costs the others nothing.
fn for_sale(rows: Vec<Value>) -> Vec<AvailableNumber> {
    let rows_count = rows.len();
    let numbers: Vec<AvailableNumber> = rows
        .into_iter()
        .filter_map(|row| serde_json::from_value(row).ok())
        .filter(|number: &AvailableNumber| number.phone_number.parse::<PhoneNumber>().is_ok())
        .collect();
    if numbers.len() < rows_count {
        let count = rows_count - numbers.len();
        tracing::warn!(
            count,
            "SignalWire: numbers for sale that cannot be read are left out"
        );
    }
    numbers
}

impl Client {
    /// Local numbers that can be bought.
    ///
    /// # Errors
    /// See [`Error`]; nothing has happened in any case.
    pub async fn search_numbers(&self, search: &Search<'_>) -> Result<Vec<AvailableNumber>, Error> {
        let mut query = vec![("SmsEnabled", "true"), ("VoiceEnabled", "true")];
        query.extend(search.area_code.map(|code| ("AreaCode", code)));
        query.extend(search.region.map(|region| ("InRegion", region)));
        let request = self
            .http()
            .get(self.compat(&format!("AvailablePhoneNumbers/{}/Local", search.country)))
            .query(&query);
        self.available(request).await
    }

    /// Local numbers that can be bought, as a person looks for them.
    ///
    /// # Errors
    /// See [`Error`]; nothing has happened in any case.
    pub async fn browse_numbers(&self, browse: &Browse<'_>) -> Result<Vec<AvailableNumber>, Error> {
        let mut query = Vec::new();
        query.extend(browse.area_code.map(|code| ("AreaCode", code)));
        query.extend(browse.contains.map(|pattern| ("Contains", pattern)));
        query.extend(browse.region.map(|region| ("InRegion", region)));
        query.extend(browse.city.map(|city| ("InLocality", city)));
        let request = self
            .http()
            .get(self.compat(&format!("AvailablePhoneNumbers/{}/Local", browse.country)))
            .query(&query);
        self.available(request).await
    }

    async fn available(&self, request: reqwest::RequestBuilder) -> Result<Vec<AvailableNumber>, Error> {
        match self.send::<Available>(request, 10).await {
            Ok(answer) => Ok(for_sale(answer.available_phone_numbers)),
            Err(Error::NotFound) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// A number in the list of ours. `None` only after the whole list was read: the filter is a pattern, and need not filter.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::OutcomeUnknown`] also when the list has no end, or may have the number and cannot be read.
    pub async fn find_owned_number(&self, phone_number: &str) -> Result<Option<OwnedNumber>, Error> {
        tokio::time::timeout(PAGES_TIME_MAX, self.seek_owned_number(phone_number))
            .await
            .unwrap_or_else(|_| Err(Error::OutcomeUnknown("timeout".to_owned())))
    }

    async fn seek_owned_number(&self, phone_number: &str) -> Result<Option<OwnedNumber>, Error> {
        let mut request = self
            .http()
            .get(self.compat("IncomingPhoneNumbers"))
            .query(&[("PhoneNumber", phone_number), ("PageSize", records::PAGE_SIZE)]);
        let mut unreadable = None;
        for _ in 0..PAGES_MAX {
            let page: Owned = self.send(request, 10).await?;
            let next = page.next_page_uri.clone().filter(|uri| !uri.is_empty());
            match page.find(phone_number) {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {}
                Err(error) => unreadable = Some(error), // it may still be on a later page
            }
            match next {
                Some(uri) => request = self.http().get(self.follow(&uri)?),
                None => return unreadable.map_or(Ok(None), Err),
            }
        }
        Err(Error::OutcomeUnknown(
            "the list of our numbers has no end".to_owned(),
        ))
    }

    /// Buys a number.
    ///
    /// # Errors
    /// [`Error::OutcomeUnknown`]: it may have been bought; look for it before anything else.
    pub async fn buy_number(&self, purchase: &Purchase<'_>) -> Result<OwnedNumber, Error> {
        let named = [
            ("PhoneNumber", purchase.phone_number.to_owned()),
            ("FriendlyName", purchase.friendly_name.to_owned()),
        ];
        let form: Vec<(&str, String)> = named.into_iter().chain(webhooks(purchase.urls)).collect();
        self.send(
            self.http().post(self.compat("IncomingPhoneNumbers")).form(&form),
            20,
        )
        .await
    }

    /// Gives a number that we own another name and its webhooks: an order takes over what another one bought.
    ///
    /// # Errors
    /// [`Error::OutcomeUnknown`]: it may have its new name; asking again is safe.
    pub async fn take_over_number(&self, sid: &str, purchase: &Purchase<'_>) -> Result<OwnedNumber, Error> {
        let named = [("FriendlyName", purchase.friendly_name.to_owned())];
        let form: Vec<(&str, String)> = named.into_iter().chain(webhooks(purchase.urls)).collect();
        let url = self.compat(&format!("IncomingPhoneNumbers/{}", segment(sid)));
        self.send(self.http().post(url).form(&form), 15).await
    }

    /// Gives a number back. One that is not ours any more counts as given back.
    ///
    /// # Errors
    /// [`Error::Refused`] with `22121` in the first 14 days. [`Error::OutcomeUnknown`]: it may be gone; asking again is safe.
    pub async fn release_number(&self, sid: &str) -> Result<(), Error> {
        match self
            .send_for_bytes(
                self.http()
                    .delete(self.compat(&format!("IncomingPhoneNumbers/{}", segment(sid)))),
                15,
            )
            .await
        {
            // 204 has no body: a page of HTML comes from somebody else, and the number is still ours
            Ok(body) if !body.trim_ascii().is_empty() => Err(Error::OutcomeUnknown(
                "it is not the documented answer".to_owned(),
            )),
            Ok(_) | Err(Error::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Every webhook of a number, all by POST.
pub(super) fn webhooks(urls: &AppUrl) -> [(&'static str, String); 10] {
    let post = || "POST".to_owned();
    [
        ("VoiceUrl", urls.voice()),
        ("VoiceMethod", post()),
        ("VoiceFallbackUrl", urls.fallback_voice()),
        ("VoiceFallbackMethod", post()),
        ("SmsUrl", urls.sms()),
        ("SmsMethod", post()),
        ("SmsFallbackUrl", urls.fallback_sms()),
        ("SmsFallbackMethod", post()),
        ("StatusCallback", urls.status()),
        ("StatusCallbackMethod", post()),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::fake;
    use super::*;
    use serde_json::json;

    #[test]
    fn capabilities_in_either_case() {
        let number = |capabilities: &str| -> AvailableNumber {
            serde_json::from_str(&format!(r#"{{"phone_number": "+14055550100", "region": "OK", "beta": false, "capabilities": {capabilities}}}"#)).unwrap()
        };
        assert!(number(r#"{"voice": true, "SMS": true, "MMS": false}"#).has_voice_and_sms());
        assert!(!number(r#"{"voice": true, "SMS": false, "MMS": true}"#).has_voice_and_sms());
        assert!(!number(r#"{"voice": false, "sms": true}"#).has_voice_and_sms());
        assert!(!number("{}").has_voice_and_sms());
        for unknown in [
            "null",
            r#"["voice", "sms"]"#,
            r#"{"voice": "true", "sms": null}"#,
            "7",
        ] {
            assert!(!number(unknown).has_voice_and_sms(), "{unknown}");
        }
    }

    /// A carrier with 120 numbers, which answers 50 of them whatever is asked; the wanted one is the 110th.
    #[tokio::test]
    async fn a_number_on_a_later_page_is_ours() {
        let client = fake::client(|_, path| {
            let page: usize = path
                .split_once("Page=")
                .map_or(0, |(_, page)| page.parse().unwrap());
            let rows: Vec<Value> = (0..120)
                .skip(50 * page)
                .take(50)
                .map(|at| json!({ "sid": format!("s{at}"), "phone_number": format!("+14055550{at:03}") }))
                .collect();
            let next = (page < 2).then(|| {
                format!(
                    "/api/laml/2010-04-01/Accounts/p/IncomingPhoneNumbers?Page={}",
                    page + 1
                )
            });
            (
                200,
                json!({ "incoming_phone_numbers": rows, "next_page_uri": next }).to_string(),
            )
        });
        let found = client.find_owned_number("+14055550109").await.unwrap();
        assert_eq!(found.unwrap().sid, "s109");
        assert!(client.find_owned_number("+14055550120").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_list_without_an_end_does_not_mean_that_the_number_is_not_there() {
        let client = fake::client(|_, _| {
            (
                200,
                json!({ "incoming_phone_numbers": [], "next_page_uri": "/again" }).to_string(),
            )
        });
        let answer = client.find_owned_number("+14055550109").await;
        assert!(matches!(answer, Err(Error::OutcomeUnknown(_))), "{answer:?}");
    }

    #[tokio::test]
    async fn a_nul_in_an_answer_is_replaced() {
        let urls: AppUrl = "https://app.example".parse().unwrap();
        let purchase = Purchase {
            phone_number: "+14055550100",
            friendly_name: "A",
            urls: &urls,
        };
        let client = fake::client(|method, _| match method {
            "GET" => (400, r#"{"code":1,"message":"a\u0000b"}"#.to_owned()),
            _ => (
                201,
                r#"{"sid":"s\u0000","phone_number":"+14055550100","friendly_name":"\u0000"}"#.to_owned(),
            ),
        });
        let bought = client.buy_number(&purchase).await.unwrap();
        assert_eq!(
            (bought.sid.as_str(), bought.friendly_name.as_deref()),
            ("s\u{fffd}", Some("\u{fffd}"))
        );
        let refused = client.find_owned_number("+14055550100").await.unwrap_err();
        assert_eq!(refused.told(), "SignalWire refused: 1 a\u{fffd}b (400)");
    }

    #[test]
    fn odd_rows_cost_the_good_ones_nothing() {
        let good = json!({ "phone_number": "+14055550100", "capabilities": { "voice": true, "SMS": true } });
        let mut rows = vec![
            json!(null),
            json!("+14055550101"),
            json!({ "phone_number": null }),
            json!({ "phone_number": 14_055_550_102_u64 }),
            json!({ "phone_number": "+14055550103", "region": 405 }),
        ];
        for number in [
            "+1405",
            "",
            "4055550104",
            "+1405555010a",
            "+0405555010",
            "+1405\u{fffd}5550105",
        ] {
            rows.push(json!({ "phone_number": number, "capabilities": { "voice": true, "SMS": true } }));
        }
        rows.push(good);
        let found = for_sale(rows);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].phone_number, "+14055550100");
    }

    #[test]
    fn an_odd_row_does_not_hide_ours() {
        const OURS: &str = "+14055550100";
        let find = |rows: Value| {
            let page: Owned = serde_json::from_value(json!({ "incoming_phone_numbers": rows })).unwrap();
            page.find(OURS)
        };
        let ours = |capabilities: Value| json!({ "sid": "s", "phone_number": OURS, "friendly_name": "A", "capabilities": capabilities });
        let other = json!({ "phone_number": "+14055550199", "friendly_name": [], "capabilities": 1 });
        for capabilities in [
            json!(null),
            json!([]),
            json!("all"),
            json!({ "sms": null, "voice": true }),
        ] {
            let found = find(json!([other, null, ours(capabilities)])).unwrap().unwrap();
            assert_eq!(
                (found.sid.as_str(), found.friendly_name.as_deref()),
                ("s", Some("A"))
            );
        }
        assert!(find(json!([other])).unwrap().is_none());
        for unsure in [
            json!([other, null]),
            json!([{ "sid": "s" }]),
            json!([{ "phone_number": OURS }]),
            json!([{ "sid": null, "phone_number": OURS }]),
            json!([{ "sid": "s", "phone_number": OURS, "friendly_name": 7 }]),
        ] {
            assert!(
                matches!(find(unsure.clone()), Err(Error::OutcomeUnknown(_))),
                "{unsure}"
            );
        }
    }
}
