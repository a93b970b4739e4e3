//! Our public URLs: what the carrier is told to call, and what a signature covers.

use std::str::FromStr;
use uuid::Uuid;

/// `APP_URL`: the public base of all webhook URLs. Never taken from a request's headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppUrl(String);

/// An `APP_URL` that cannot be the base of webhook URLs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAppUrl {
    /// No absolute http or https URL.
    #[error("an absolute URL like https://hooks.example.com is expected")]
    NotHttp,
    /// A query or fragment would end up in the middle.
    #[error("it must have no query, fragment or credentials")]
    TooMuch,
}

impl FromStr for AppUrl {
    type Err = BadAppUrl;

    fn from_str(text: &str) -> Result<Self, BadAppUrl> {
        let url = url::Url::parse(text.trim()).map_err(|_| BadAppUrl::NotHttp)?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(BadAppUrl::NotHttp);
        }
        if url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
            || url.password().is_some()
        {
            return Err(BadAppUrl::TooMuch);
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

impl AppUrl {
    /// Whether it is this machine: only there may signatures be off.
    pub fn is_loopback(&self) -> bool {
        url::Url::parse(&self.0).is_ok_and(|url| is_loopback(&url))
    }

    /// The URL that the carrier called: base, raw path, raw query.
    pub fn requested(&self, raw_path: &str, raw_query: &str) -> String {
        let mark = if raw_query.is_empty() { "" } else { "?" };
        format!("{}{raw_path}{mark}{raw_query}", self.0)
    }

    fn hook(&self, tail: &str) -> String {
        format!("{}/api/webhooks/signalwire/{tail}", self.0)
    }

    /// Inbound messages.
    pub fn sms(&self) -> String {
        self.hook("sms")
    }

    /// Inbound calls.
    pub fn voice(&self) -> String {
        self.hook("voice")
    }

    /// Status callbacks of a number (calls only, FACTS 6).
    pub fn status(&self) -> String {
        self.hook("status")
    }

    /// Where the carrier turns when `sms` fails.
    pub fn fallback_sms(&self) -> String {
        self.hook("fallback/sms")
    }

    /// Where the carrier turns when `voice` fails.
    pub fn fallback_voice(&self) -> String {
        self.hook("fallback/voice")
    }

    /// Status callbacks of one message or call of ours. The id lets a report that overtakes the send's answer find its row.
    pub fn status_of(&self, message: Uuid) -> String {
        self.hook(&format!("status/{message}"))
    }

    /// How the campaign takes one number of ours. The id is that of the number's row: the event names the telephone number only.
    pub fn campaign_status(&self, number: Uuid) -> String {
        self.hook(&format!("status/campaign/{number}"))
    }

    /// The forwarded leg of an inbound call ended.
    pub fn dial_result(&self) -> String {
        self.hook("voice/dial-result")
    }

    /// Voicemail was recorded.
    pub fn recording_done(&self) -> String {
        self.hook("voice/recording-done")
    }

    /// The script of a call that we place.
    pub fn outbound_call(&self, message: Uuid) -> String {
        self.hook(&format!("voice/outbound/{message}"))
    }

    /// Recording status of a call. The SID of the call is repeated in the URL, as in [`Self::transcription_status`].
    pub fn recording_status(&self, call_sid: &str) -> String {
        self.hook(&format!("status/recording?call={}", encode(call_sid)))
    }

    /// Transcriptions say nothing of their call, so the URL does (FACTS 6, 15.13).
    pub fn transcription_status(&self, call_sid: &str) -> String {
        self.hook(&format!("status/transcription?call={}", encode(call_sid)))
    }
}

/// Whether a URL's host is this machine.
pub fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The value of a parameter in a raw query, decoded.
pub fn query_value(raw_query: &str, name: &str) -> Option<String> {
    url::form_urlencoded::parse(raw_query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases() {
        for (text, base) in [
            ("https://x.example", "https://x.example"),
            ("https://X.example/", "https://x.example"),
            ("https://x.example/base/", "https://x.example/base"),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ] {
            assert_eq!(
                text.parse::<AppUrl>().unwrap().requested("/p", "a=%20"),
                format!("{base}/p?a=%20")
            );
        }
        for bad in [
            "",
            "x.example",
            "ftp://x.example",
            "https://x.example/?a=1",
            "https://u@x.example",
            "https://x.example/#f",
        ] {
            assert!(bad.parse::<AppUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn loopback() {
        for (text, expected) in [
            ("http://127.0.0.1:1", true),
            ("http://localhost", true),
            ("http://[::1]:9", true),
            ("https://127.0.0.1.example.com", false),
            ("https://localhost.example.com", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(text.parse::<AppUrl>().unwrap().is_loopback(), expected, "{text}");
        }
    }

    #[test]
    fn sids_survive_the_query() {
        let url = "https://x.example"
            .parse::<AppUrl>()
            .unwrap()
            .transcription_status("a b&c/+");
        assert_eq!(
            query_value(url.split_once('?').unwrap().1, "call").as_deref(),
            Some("a b&c/+")
        );
    }
}
