//! How many parts a text message is charged for: GSM-7 160 or 153 each, UCS-2 70 or 67 (FACTS 4).

/// The most characters that one message may have (FACTS 4: 21617 beyond).
pub const BODY_CHARS_MAX: usize = 1600;

/// Segments of a body as the carrier counts them; an empty one counts one.
pub fn count(body: &str) -> i32 {
    if body.is_empty() {
        return 1; // the library has no answer to it
    }
    let parts = sms_splitter::SplitSms::default()
        .split(String::from(body))
        .parts
        .len();
    i32::try_from(parts.max(1)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_has_a_count(body in any::<String>()) {
            prop_assert!(count(&body) >= 1);
        }
    }

    #[test]
    fn gsm7_and_ucs2_borders() {
        let table = [
            (String::new(), 1),
            ("a".repeat(160), 1),
            ("a".repeat(161), 2),
            ("a".repeat(306), 2),
            ("a".repeat(307), 3),
            ("€".repeat(80), 1), // an extension character counts twice
            ("€".repeat(81), 2),
            ("ж".repeat(70), 1),
            ("ж".repeat(71), 2),
            ("ж".repeat(134), 2),
            ("ж".repeat(135), 3),
            ("😀".repeat(35), 1), // two UTF-16 units each
            ("😀".repeat(36), 2),
        ];
        for (body, expected) in table {
            assert_eq!(
                count(&body),
                expected,
                "{} × {:?}",
                body.chars().count(),
                body.chars().next()
            );
        }
    }
}
