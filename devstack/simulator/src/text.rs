//! Phone numbers, dates and segments as the carrier writes them.

use jiff::{SignedDuration, Timestamp, fmt::rfc2822};

/// Whether `text` is E.164 in the carrier's own pattern, `^\+\d{5,17}$` (compat-openapi, CreateIncomingPhoneNumberRequest).
pub(crate) fn is_e164(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|digits| (5..=17).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// `(405) 234-5678` for a NANP number, the number itself otherwise: the default `friendly_name`.
pub(crate) fn national_format(e164: &str) -> String {
    match e164.strip_prefix("+1") {
        Some(digits) if digits.len() == 10 && digits.is_ascii() => {
            format!("({}) {}-{}", &digits[..3], &digits[3..6], &digits[6..])
        }
        _ => e164.to_owned(),
    }
}

/// Whether `e164` lies in a toll-free area code of the NANP.
pub(crate) fn is_toll_free(e164: &str) -> bool {
    ["800", "833", "844", "855", "866", "877", "888"]
        .iter()
        .any(|code| e164.strip_prefix("+1").is_some_and(|rest| rest.starts_with(code)))
}

/// An absolute `http` or `https` URL.
pub(crate) fn is_web_url(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// A date of the Compat API: RFC 2822, UTC (FACTS 1).
pub(crate) fn rfc2822(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// A date of the JSON APIs: ISO 8601, whole seconds (FACTS 1).
pub(crate) fn iso8601(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The span of time that a date filter names: a day for `2026-09-25`, a second for a full date.
pub(crate) fn date_span(text: &str) -> Option<(Timestamp, Timestamp)> {
    if let Ok(date) = text.parse::<jiff::civil::Date>()
        && text.len() == 10
    {
        let start = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
        return Some((
            start,
            start + SignedDuration::from_hours(24) - SignedDuration::from_nanos(1),
        ));
    }
    let at = text
        .parse::<Timestamp>()
        .ok()
        .or_else(|| rfc2822::parse(text).ok().map(|zoned| zoned.timestamp()))?;
    let second = Timestamp::from_second(at.as_second()).ok()?;
    Some((
        second,
        second + SignedDuration::from_secs(1) - SignedDuration::from_nanos(1),
    ))
}

const GSM_BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const GSM_EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// Segments of a body: GSM-7 160 or 153 each, UCS-2 70 or 67 (FACTS 4). A unit of an extension or a surrogate pair stays whole.
pub(crate) fn segments(body: &str) -> u32 {
    let gsm = body
        .chars()
        .all(|c| GSM_BASIC.contains(c) || GSM_EXTENSION.contains(c));
    let (alone, each) = if gsm { (160, 153) } else { (70, 67) };
    let width = |c: char| {
        if gsm {
            1 + usize::from(GSM_EXTENSION.contains(c))
        } else {
            c.len_utf16()
        }
    };
    let units: usize = body.chars().map(width).sum();
    if units <= alone {
        return 1;
    }
    let (mut count, mut used) = (1, 0);
    for c in body.chars() {
        if used + width(c) > each {
            count += 1;
            used = 0;
        }
        used += width(c);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segment_limits() {
        for (body, expected) in [
            ("".to_owned(), 1),
            ("a".repeat(160), 1),
            ("a".repeat(161), 2),
            ("a".repeat(306), 2),
            ("a".repeat(307), 3),
            ("€".repeat(80), 1),
            ("€".repeat(81), 2),
            ("я".repeat(70), 1),
            ("я".repeat(71), 2),
            ("🎉".repeat(35), 1),
            ("🎉".repeat(36), 2),
        ] {
            assert_eq!(
                segments(&body),
                expected,
                "{} of {:?}",
                body.chars().count(),
                body.chars().next()
            );
        }
    }

    #[test]
    fn numbers_and_dates() {
        assert!(is_e164("+14052345678"));
        assert!(!is_e164("14052345678") && !is_e164("+1405 234") && !is_e164("whatsapp:+14052345678"));
        assert_eq!(national_format("+14052345678"), "(405) 234-5678");
        let at: Timestamp = "2026-09-25T18:42:43Z".parse().unwrap();
        assert_eq!(rfc2822(at), "Fri, 25 Sep 2026 18:42:43 +0000");
        assert_eq!(iso8601(at), "2026-09-25T18:42:43Z");
        let (from, to) = date_span("2026-09-25").unwrap();
        assert!(from <= at && at <= to);
        let (from, to) = date_span(&rfc2822(at)).unwrap();
        assert!(from <= at && at <= to);
        assert!(date_span("yesterday").is_none());
    }
}
