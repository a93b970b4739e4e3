//! Numbers that make the carrier misbehave in a documented way.

use serde::Serialize;

/// A `To` with one of these prefixes and one of the suffixes of [`MAGIC_TO`] has that effect. `+1907555` is geographic
/// (Alaska), for code that refuses the personal numbers of area code 500 by itself.
pub const MAGIC_TO_PREFIXES: [&str; 2] = ["+1500555", "+1907555"];

/// What a magic `To` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MagicEffect {
    /// A send is refused with this HTTP status and the code; a call too, in its own error shape.
    Refused(u16),
    /// Nothing happens and the answer is this HTTP status, with a JSON error.
    Broken(u16),
    /// The send or call happens, and the answer is this HTTP status all the same.
    AcceptedThen(u16),
    /// A send is accepted and reported `failed`: never handed to a carrier.
    Failed,
    /// A send is accepted and reported `sent`, then `undelivered`.
    Undelivered,
    /// A send is accepted, and nothing is ever reported; it stays `queued`.
    Silent,
    /// A send ends in `sent`: this route has no delivery receipts.
    StopsAtSent,
    /// A call ends with this status.
    CallEnds(&'static str),
}

/// One row of the table: the last four digits of the number, the carrier's code, what happens, and the code's meaning.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Magic {
    /// Last four digits of the number; the last four of the code where there is one.
    pub suffix: &'static str,
    /// The carrier's code (FACTS 1, table of codes).
    pub code: u32,
    /// What happens.
    pub effect: MagicEffect,
    /// The code in words.
    pub message: &'static str,
}

const fn row(suffix: &'static str, code: u32, effect: MagicEffect, message: &'static str) -> Magic {
    Magic {
        suffix,
        code,
        effect,
        message,
    }
}

/// Every magic `To`.
pub const MAGIC_TO: &[Magic] = &[
    row(
        "1211",
        21211,
        MagicEffect::Refused(400),
        "The 'To' number is not a valid phone number",
    ),
    row(
        "1219",
        21219,
        MagicEffect::Refused(400),
        "The 'To' number is not verified; trial accounts cannot send to it",
    ),
    row(
        "1601",
        21601,
        MagicEffect::Refused(400),
        "From number is not a SMS-capable phone number",
    ),
    row(
        "1610",
        21610,
        MagicEffect::Refused(400),
        "Attempt to send to unsubscribed recipient",
    ),
    row(
        "1611",
        21611,
        MagicEffect::Refused(429),
        "This 'From' number has exceeded the maximum number of queued messages",
    ),
    row(
        "1612",
        21612,
        MagicEffect::Refused(400),
        "The 'To' phone number is not currently reachable",
    ),
    row(
        "1614",
        21614,
        MagicEffect::Refused(400),
        "'To' number is not a valid mobile number",
    ),
    row(
        "1717",
        21717,
        MagicEffect::Refused(400),
        "From must belong to an active campaign",
    ),
    row("4001", 4001, MagicEffect::Refused(422), "Insufficient balance"),
    row("0429", 20429, MagicEffect::Refused(429), "Too many requests"),
    row("5000", 0, MagicEffect::Broken(500), "Internal server error"),
    row("5003", 0, MagicEffect::Broken(503), "Service unavailable"),
    row("5001", 0, MagicEffect::AcceptedThen(500), "Internal server error"),
    row("5004", 0, MagicEffect::AcceptedThen(503), "Service unavailable"),
    row("0001", 30001, MagicEffect::Failed, "Message expired in queue"),
    row(
        "0003",
        30003,
        MagicEffect::Undelivered,
        "Unreachable destination handset",
    ),
    row("0004", 30004, MagicEffect::Undelivered, "Message blocked"),
    row(
        "0005",
        30005,
        MagicEffect::Undelivered,
        "Unknown destination handset",
    ),
    row(
        "0006",
        30006,
        MagicEffect::Undelivered,
        "Landline or unreachable carrier",
    ),
    row(
        "0007",
        30007,
        MagicEffect::Undelivered,
        "Message filtered as spam",
    ),
    row("0008", 30008, MagicEffect::Undelivered, "Unknown error"),
    row(
        "0010",
        30010,
        MagicEffect::Failed,
        "Message price exceeds max price",
    ),
    row("0011", 30011, MagicEffect::Failed, "MMS not supported"),
    row("0022", 30022, MagicEffect::Failed, "Exceeded 10DLC rate limit"),
    row(
        "0027",
        30027,
        MagicEffect::Failed,
        "T-Mobile daily message limit reached",
    ),
    row("3019", 63019, MagicEffect::Failed, "Media failed to download"),
    row("1000", 0, MagicEffect::Silent, "Nothing is ever reported"),
    row(
        "1001",
        0,
        MagicEffect::StopsAtSent,
        "No delivery receipt on this route",
    ),
    row("0486", 0, MagicEffect::CallEnds("busy"), "Busy Here"),
    row(
        "0480",
        0,
        MagicEffect::CallEnds("no-answer"),
        "Temporarily Unavailable",
    ),
    row("0404", 0, MagicEffect::CallEnds("failed"), "Not Found"),
];

/// Searches by these area codes show numbers that cannot simply be bought.
pub const MAGIC_AREA_CODES: &[(&str, &str)] = &[
    ("907", "nothing in stock (region AK)"),
    ("908", "three rows, none with both voice and SMS"),
    ("209", "three rows whose purchase is refused as gone, 422"),
    (
        "213",
        "three rows whose purchase is refused with 4001, no balance",
    ),
    ("323", "three rows that are bought while the answer is a 500"),
];

/// The magic row of `to`, if it has one.
pub(crate) fn lookup(to: &str) -> Option<&'static Magic> {
    let suffix = MAGIC_TO_PREFIXES
        .iter()
        .find_map(|prefix| to.strip_prefix(prefix))?;
    MAGIC_TO.iter().find(|magic| magic.suffix == suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_are_four_digits_and_unique() {
        for (i, magic) in MAGIC_TO.iter().enumerate() {
            assert_eq!(magic.suffix.len(), 4);
            assert!(
                MAGIC_TO[i + 1..].iter().all(|other| other.suffix != magic.suffix),
                "{}",
                magic.suffix
            );
        }
        assert_eq!(lookup("+15005551610").map(|m| m.code), Some(21610));
        assert!(lookup("+14055551610").is_none());
    }
}
