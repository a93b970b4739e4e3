//! AvailablePhoneNumbers (FACTS 2).

use serde_json::json;

use crate::{answer::Answer, carrier::Carrier, stock::StockNumber, wire::Params};

/// How many rows an answer has at most; the carrier has neither page nor limit here, and does not document how many.
const ROWS_MAX: usize = 50;

impl Carrier {
    /// Searches the stock. `SmsEnabled` and its like are accepted and do not filter; nothing is reserved.
    pub(super) fn search(&self, path: &str, country: &str, toll_free: bool, params: &Params) -> Answer {
        let area_code = params.filled("AreaCode");
        if area_code.is_some_and(|code| code.len() != 3 || !code.bytes().all(|b| b.is_ascii_digit())) {
            return Answer::compat(400, 21451, "Invalid area code");
        }
        if params.filled("InLocality").is_some() && params.filled("InRegion").is_none() {
            return Answer::compat(400, 10000, "InLocality requires InRegion");
        }
        let contains = match params.filled("Contains").map(keypad) {
            Some(None) => return Answer::compat(400, 90000, "Contains is not a valid pattern"),
            pattern => pattern.flatten(),
        };
        let fits = |row: &&StockNumber| {
            row.iso_country.eq_ignore_ascii_case(country)
                && row.toll_free == toll_free
                && area_code.map_or(!row.only_by_area_code, |code| row.area_code() == code)
                && same(row.region.as_deref(), params.filled("InRegion"))
                && same(row.rate_center.as_deref(), params.filled("InLocality"))
                && contains
                    .as_ref()
                    .is_none_or(|pattern| matches(&row.phone_number, pattern))
        };
        let state = self.state();
        let rows: Vec<_> = state
            .stock
            .iter()
            .filter(fits)
            .take(ROWS_MAX)
            .map(|row| {
                json!({
                    "friendly_name": crate::text::national_format(&row.phone_number),
                    "phone_number": row.phone_number,
                    "lata": null,
                    "locality": null,
                    "rate_center": row.rate_center,
                    "latitude": null,
                    "longitude": null,
                    "region": row.region,
                    "postal_code": null,
                    "iso_country": row.iso_country,
                    "capabilities": { "voice": row.voice, "SMS": row.sms, "MMS": row.mms },
                    "beta": false,
                })
            })
            .collect();
        Answer::json(
            200,
            json!({ "uri": path.trim_end_matches(".json"), "available_phone_numbers": rows }),
        )
    }
}

fn same(value: Option<&str>, wanted: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| value.is_some_and(|value| value.eq_ignore_ascii_case(wanted)))
}

/// The pattern in digits, `None` for `*`; letters as on a telephone's keys.
fn keypad(pattern: &str) -> Option<Vec<Option<u8>>> {
    pattern
        .bytes()
        .filter(|byte| *byte != b'+')
        .map(|byte| match byte.to_ascii_lowercase() {
            b'*' => Some(None),
            digit @ b'0'..=b'9' => Some(Some(digit)),
            letter @ b'a'..=b'z' => Some(Some(b"22233344455566677778889999"[usize::from(letter - b'a')])),
            _ => None,
        })
        .collect()
}

fn matches(number: &str, pattern: &[Option<u8>]) -> bool {
    let digits = number.trim_start_matches('+').as_bytes();
    digits.windows(pattern.len().max(1)).any(|window| {
        window
            .iter()
            .zip(pattern)
            .all(|(digit, wanted)| wanted.is_none_or(|wanted| wanted == *digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_take_letters_and_wildcards() {
        let fits = |pattern: &str| matches("+14052253287", &keypad(pattern).unwrap());
        assert!(fits("405") && fits("405***3287") && fits("cake"));
        assert!(fits("*") && !fits("999") && keypad("(405)").is_none());
    }
}
