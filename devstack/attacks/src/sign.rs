//! The carrier's signature over any bytes, and the form that they travel in.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// Fields as bytes, which need not be text.
pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// Fields as a form body, each byte that is not a letter or digit percent-encoded.
pub fn form(fields: &Fields) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        if !body.is_empty() {
            body.push(b'&');
        }
        encode(name, &mut body);
        body.push(b'=');
        encode(value, &mut body);
    }
    body
}

fn encode(part: &[u8], into: &mut Vec<u8>) {
    for byte in part {
        if byte.is_ascii_alphanumeric() {
            into.push(*byte);
        } else {
            into.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
}

/// `X-SignalWire-Signature` of a form.
pub fn of_form(key: &str, url: &str, fields: &[(Vec<u8>, Vec<u8>)]) -> String {
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let mut mac = mac(key, url);
    for (name, value) in sorted {
        mac.update(name);
        mac.update(value);
    }
    BASE64.encode(mac.finalize().into_bytes())
}

/// `X-SignalWire-Signature` of a JSON body.
pub fn of_json(key: &str, url: &str, body: &[u8]) -> String {
    let mut mac = mac(key, url);
    mac.update(body);
    mac.finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn mac(key: &str, url: &str) -> Hmac<Sha1> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(url.as_bytes());
    mac
}
