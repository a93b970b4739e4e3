//! Telephone numbers: ours in E.164, the customer's as the carrier names them.

use std::fmt;
use std::str::FromStr;

/// A number in E.164: `+`, a digit from 1 to 9, and 6 to 14 more digits. Its `Debug` hides all but the last two digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PhoneNumber(String);

/// Why a text is not a phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a phone number in E.164 (+14155551234)")]
pub struct NotE164;

impl PhoneNumber {
    /// The number as `+14155551234`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number without digits that identify a person: for logs.
    pub fn masked(&self) -> String {
        mask(&self.0)
    }

    /// The three digits after `+1`, when it is a North American number.
    pub fn area_code(&self) -> Option<&str> {
        self.0
            .strip_prefix("+1")
            .filter(|rest| rest.len() == 10)
            .map(|rest| &rest[..3])
    }
}

/// `+1********34`: enough to tell two numbers apart in a log, too little to call one.
pub fn mask(number: &str) -> String {
    let keep_from = number.chars().count().saturating_sub(2);
    number
        .chars()
        .enumerate()
        .map(|(i, c)| {
            if i < 2.min(keep_from) || i >= keep_from {
                c
            } else {
                '*'
            }
        })
        .collect()
}

impl FromStr for PhoneNumber {
    type Err = NotE164;

    fn from_str(text: &str) -> Result<Self, NotE164> {
        let digits = text.strip_prefix('+').ok_or(NotE164)?.as_bytes();
        let shaped = (7..=15).contains(&digits.len())
            && (b'1'..=b'9').contains(&digits[0])
            && digits.iter().all(u8::is_ascii_digit);
        shaped.then(|| Self(text.to_owned())).ok_or(NotE164)
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({})", self.masked())
    }
}

/// Who is at the other end: usually E.164, for messages also a short code of 3 to 8 digits, for calls also a SIP address or a
/// caller who withheld the number (stored as `anonymous`).
#[derive(Clone, PartialEq, Eq)]
pub struct Party(String);

impl Party {
    /// The sender of a message.
    ///
    /// # Errors
    /// When it is neither E.164 nor a short code.
    pub fn of_message(text: &str) -> Result<Self, NotE164> {
        if (3..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Self(text.to_owned()));
        }
        PhoneNumber::from_str(text).map(|number| Self(number.0))
    }

    /// The caller of a call. A withheld number is no error: the call must be answered all the same.
    ///
    /// # Errors
    /// When it is none of the forms above.
    pub fn of_call(text: &str) -> Result<Self, NotE164> {
        const WITHHELD: [&str; 7] = [
            "",
            "anonymous",
            "restricted",
            "unavailable",
            "unknown",
            "private",
            "+266696687",
        ];
        if WITHHELD.iter().any(|word| text.eq_ignore_ascii_case(word)) {
            return Ok(Self("anonymous".to_owned()));
        }
        let sip = text.strip_prefix("sip:").or_else(|| text.strip_prefix("sips:"));
        if let Some(address) = sip {
            let plain = address
                .bytes()
                .all(|b| b.is_ascii_graphic() && !b"<>\"'&".contains(&b));
            return if plain && !address.is_empty() && address.len() <= 200 {
                Ok(Self(text.to_owned()))
            } else {
                Err(NotE164)
            };
        }
        Self::of_message(text)
    }

    /// The party as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Party({})", mask(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e164_only() {
        for good in ["+14155551234", "+442079460958", "+1234567"] {
            assert_eq!(
                good.parse::<PhoneNumber>().map(|n| n.to_string()),
                Ok(good.to_owned())
            );
        }
        for bad in [
            "",
            "+",
            "14155551234",
            "+04155551234",
            "+1415555123a",
            "+123456",
            "+1234567890123456",
            "+1 4155551234",
            "+１４１５５５５１２３４",
        ] {
            assert!(bad.parse::<PhoneNumber>().is_err(), "{bad}");
        }
    }

    #[test]
    fn debug_hides_the_number() {
        let number: PhoneNumber = "+14155551234".parse().unwrap();
        assert_eq!(format!("{number:?}"), "PhoneNumber(+1********34)");
        assert_eq!(mask("12"), "12");
        assert_eq!(mask(""), "");
    }

    #[test]
    fn parties() {
        assert_eq!(Party::of_message("262966").unwrap().as_str(), "262966");
        assert!(Party::of_message("anonymous").is_err());
        assert_eq!(Party::of_call("Anonymous").unwrap().as_str(), "anonymous");
        assert_eq!(
            Party::of_call("sip:alice@example.com").unwrap().as_str(),
            "sip:alice@example.com"
        );
        assert!(Party::of_call("sip:<x>").is_err());
        assert!(Party::of_call("hello there").is_err());
    }

    #[test]
    fn area_codes() {
        assert_eq!(
            "+14055551234".parse::<PhoneNumber>().unwrap().area_code(),
            Some("405")
        );
        assert_eq!("+442079460958".parse::<PhoneNumber>().unwrap().area_code(), None);
    }
}
