//! What we ask of SignalWire over REST (FACTS 1–5): [`Client`] with one method an operation, each with its wire structs beside it.

mod calls;
mod campaigns;
mod client;
mod error;
#[cfg(test)]
mod fake;
mod forget;
mod json;
mod leave;
mod messages;
mod phone_numbers;
mod records;
pub mod space_url;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

pub use calls::{CallRequest, PlacedCall};
pub use campaigns::{Assignment, CampaignOrder};
pub use client::Client;
pub use error::Error;
pub use leave::Leave;
pub use messages::{AcceptedMessage, MessageRequest, WhatsAppRequest};
pub use phone_numbers::{AvailableNumber, Browse, OwnedNumber, Purchase, Search};
pub use records::{CallRecord, Listed, MessageRecord, NumberRecord};

/// What a URL's path takes as it is (RFC 3986, 2.3), but for the dot, of which a segment must not consist.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~');

/// A SID is opaque: as one segment of a path. Its hyphens stay as they are; a server need not read `%2D` as one.
fn segment(sid: &str) -> String {
    utf8_percent_encode(sid, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn a_sid_is_one_segment() {
        let sid = "86a63b5e-c2aa-4d84-8d5c-000000000001";
        assert_eq!(segment(sid), sid);
        assert_eq!(segment("CA_1~"), "CA_1~");
        assert_eq!(segment("../a b?c#d%"), "%2E%2E%2Fa%20b%3Fc%23d%25");
    }
}
