//! Reading the carrier's JSON into values whose texts Postgres can hold.

use serde::de::DeserializeOwned;
use std::borrow::Cow;

/// Reads an answer. NUL and broken UTF-8, which Postgres refuses in any text, become U+FFFD here, for every member of every answer:
/// what the carrier said and did is kept whatever stands in it.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    let text = String::from_utf8_lossy(body);
    serde_json::from_str(&without_nul(&text))
}

/// The same JSON with U+FFFD for each NUL, escaped or not.
fn without_nul(json: &str) -> Cow<'_, str> {
    if !json.contains(r"\u0000") && !json.contains('\0') {
        return Cow::Borrowed(json); // which is every answer but the odd one
    }
    let mut mended = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find(['\\', '\0']) {
        mended.push_str(&rest[..at]);
        rest = &rest[at..];
        let escape = rest.strip_prefix(r"\u0000");
        if let Some(behind) = escape.or_else(|| rest.strip_prefix('\0')) {
            mended.push('\u{fffd}');
            rest = behind;
        } else {
            // a backslash and what it escapes, which may be a backslash: `\\u0000` is no NUL
            let behind = rest.char_indices().nth(2).map_or(rest.len(), |(at, _)| at);
            mended.push_str(&rest[..behind]);
            rest = &rest[behind..];
        }
    }
    mended.push_str(rest);
    Cow::Owned(mended)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn what_postgres_refuses_is_replaced() {
        for (body, expected) in [
            (&br#"{"m":"a\u0000b"}"#[..], json!({ "m": "a\u{fffd}b" })),
            (
                br#"["\u0000\u0000", {"\u0000": 1}]"#,
                json!(["\u{fffd}\u{fffd}", { "\u{fffd}": 1 }]),
            ),
            (b"\"a\0b\"", json!("a\u{fffd}b")),
            (b"\"a\xffb\"", json!("a\u{fffd}b")),
            (br#""C:\\u0000""#, json!(r"C:\u0000")),
            (br#""\\\u0000\"\n\u00e9""#, json!("\\\u{fffd}\"\n\u{e9}")),
            ("\"\u{e9}\\\\\u{e9}\\u0000\"".as_bytes(), json!("é\\é\u{fffd}")),
            (br#"{"m":"a"}"#, json!({ "m": "a" })),
        ] {
            let read: Value = read(body).unwrap();
            assert_eq!(read, expected);
        }
        for broken in [&b"\\"[..], b"\"\\u0000\\", b"\\\xc3", b"", b"\0"] {
            assert!(read::<Value>(broken).is_err());
        }
    }
}
