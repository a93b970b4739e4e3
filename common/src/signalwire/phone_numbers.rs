//! Searching, buying, configuring and releasing numbers (FACTS 2 and 3).

use super::{Client, Error, segment};
use crate::webhook::urls::AppUrl;
use serde::Deserialize;
use std::collections::BTreeMap;

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
    #[serde(default)]
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
    #[serde(default)]
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
    available_phone_numbers: Vec<AvailableNumber>,
}

#[derive(Deserialize)]
struct Owned {
    incoming_phone_numbers: Vec<OwnedNumber>,
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
        match self.send::<Available>(request, 10).await {
            Ok(answer) => Ok(answer.available_phone_numbers),
            Err(Error::NotFound) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
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
        match self.send::<Available>(request, 10).await {
            Ok(answer) => Ok(answer.available_phone_numbers),
            Err(Error::NotFound) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Our numbers that match: at most one for a whole number.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn find_owned_number(&self, phone_number: &str) -> Result<Option<OwnedNumber>, Error> {
        let request = self
            .http()
            .get(self.compat("IncomingPhoneNumbers"))
            .query(&[("PhoneNumber", phone_number), ("PageSize", "50")]);
        let answer: Owned = self.send(request, 10).await?;
        // the filter is a pattern
        Ok(answer
            .incoming_phone_numbers
            .into_iter()
            .find(|number| number.phone_number == phone_number))
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
    use super::*;

    #[test]
    fn capabilities_in_either_case() {
        let number = |capabilities: &str| -> AvailableNumber {
            serde_json::from_str(&format!(r#"{{"phone_number": "+14055550100", "region": "OK", "beta": false, "capabilities": {capabilities}}}"#)).unwrap()
        };
        assert!(number(r#"{"voice": true, "SMS": true, "MMS": false}"#).has_voice_and_sms());
        assert!(!number(r#"{"voice": true, "SMS": false, "MMS": true}"#).has_voice_and_sms());
        assert!(!number(r#"{"voice": false, "sms": true}"#).has_voice_and_sms());
        assert!(!number("{}").has_voice_and_sms());
    }
}
