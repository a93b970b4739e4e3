//! Where the next page begins: opaque, and good only for the listing that gave it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// So many bytes of the signature are kept: 128 bits.
const TAG_BYTES: usize = 16;

/// Signs cursors. The key is made from a secret of the function, so a cursor lives until that secret is changed: whoever
/// holds an older one begins again.
pub struct Cursors(Hmac<Sha256>);

impl Cursors {
    /// From any secret.
    pub fn from_secret(secret: &str) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key may have any length");
        mac.update(b"ringspace cursor 1\0");
        Self(mac)
    }

    /// A cursor: `listing` is the path and the filters, `position` where it goes on.
    pub fn seal(&self, listing: &str, position: &Value) -> String {
        let position = position.to_string();
        let mut bytes = self.tag(listing, position.as_bytes());
        bytes.extend_from_slice(position.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position; `None` for what we did not give for this listing.
    pub fn open(&self, listing: &str, cursor: &str) -> Option<Value> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (tag, position) = bytes.split_at_checked(TAG_BYTES)?;
        self.mac(listing, position).verify_truncated_left(tag).ok()?;
        serde_json::from_slice(position).ok()
    }

    fn mac(&self, listing: &str, position: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(&(listing.len() as u64).to_be_bytes());
        mac.update(listing.as_bytes());
        mac.update(position);
        mac
    }

    fn tag(&self, listing: &str, position: &[u8]) -> Vec<u8> {
        self.mac(listing, position).finalize().into_bytes()[..TAG_BYTES].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn good_for_its_listing_alone() {
        let cursors = Cursors::from_secret("PT");
        let cursor = cursors.seal("/a?x=1", &json!(["2026-01-01", "id"]));
        assert_eq!(
            cursors.open("/a?x=1", &cursor),
            Some(json!(["2026-01-01", "id"]))
        );
        assert_eq!(cursors.open("/a?x=2", &cursor), None);
        assert_eq!(Cursors::from_secret("PU").open("/a?x=1", &cursor), None);
        for index in 0..cursor.len() {
            let mut bytes = cursor.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let tampered = String::from_utf8(bytes).unwrap();
            // the last character may hold bits that mean nothing
            assert!(
                cursors.open("/a?x=1", &tampered).is_none() || index + 1 == cursor.len(),
                "{index}"
            );
        }
        for nonsense in ["", "=", "AAAA", "é", "A".repeat(5000).as_str()] {
            assert_eq!(cursors.open("/a?x=1", nonsense), None);
        }
    }
}
