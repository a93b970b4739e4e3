//! Webhook signatures (FACTS 8).
//!
//! 1. The key is the project's Signing Key, never the API token; during a rotation there are two.
//! 2. Form bodies: base64( HMAC-SHA1( key, url ‖ name ‖ value … ) ), the fields sorted by name in byte order, decoded.
//! 3. JSON bodies: lower-case hex( HMAC-SHA1( key, url ‖ raw body ) ); the SHA-256 header holds HMAC-SHA256 of the same.
//! 4. With `bodySHA256` in the query: base64( HMAC-SHA1( key, url ) ), and the query holds the body's SHA-256 in hex.
//! 5. The URL is the one that SignalWire was given; the default port may be spelled out or left out on either side.
//! 6. A signature over the URL alone counts only for an empty body, or with (4).

use super::form::Form;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// One signing key (`PSK_…`). Its `Debug` shows nothing.
#[derive(Clone, Debug)]
pub struct SigningKey(SecretString);

impl SigningKey {
    /// A key; `None` for an empty one, with which anybody could sign.
    pub fn new(key: &str) -> Option<Self> {
        (!key.is_empty()).then(|| Self(key.into()))
    }

    fn bytes(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

/// What a request claims: its signature headers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Claim<'a> {
    /// `X-SignalWire-Signature`, or its legacy alias `X-Twilio-Signature`.
    pub sha1: Option<&'a str>,
    /// `X-SignalWire-SHA256-Signature`, documented for JSON only.
    pub sha256: Option<&'a str>,
}

/// How the body is signed.
#[derive(Debug, Clone, Copy)]
pub enum Scheme<'a> {
    /// (2)
    Form(&'a Form),
    /// (3), or (4) where the query has a `bodySHA256`
    Json(&'a [u8]),
}

/// Whether one of the keys made this signature over the URL and body. Constant time in the signature.
pub fn verify(keys: &[SigningKey], url: &str, scheme: Scheme<'_>, claim: Claim<'_>) -> bool {
    let urls = port_variants(url); // (5)
    keys.iter()
        .any(|key| urls.iter().any(|url| matches(key, url, scheme, claim)))
}

fn matches(key: &SigningKey, url: &str, scheme: Scheme<'_>, claim: Claim<'_>) -> bool {
    match scheme {
        Scheme::Form(form) => {
            let Some(signature) = claim.sha1.and_then(|text| BASE64.decode(text).ok()) else {
                return false;
            };
            // Broken UTF-8 may have been signed as sent, or as the sender's language replaced it.
            sha1(key, url, |mac| feed_fields(mac, form, false))
                .verify_slice(&signature)
                .is_ok()
                || (has_broken_utf8(form)
                    && sha1(key, url, |mac| feed_fields(mac, form, true))
                        .verify_slice(&signature)
                        .is_ok())
        }
        Scheme::Json(body) => {
            if let Some(stated) = body_sha256(url) {
                let actual = hex::encode(Sha256::digest(body));
                let Some(signature) = claim.sha1.and_then(|text| BASE64.decode(text).ok()) else {
                    return false;
                };
                return sha1(key, url, |_| ()).verify_slice(&signature).is_ok() // (4)
                    && stated.eq_ignore_ascii_case(&actual);
            }
            let by_sha1 = claim
                .sha1
                .and_then(|text| hex::decode(text).ok())
                .is_some_and(|signature| {
                    is_lower_hex(claim.sha1)
                        && sha1(key, url, |mac| mac.update(body))
                            .verify_slice(&signature)
                            .is_ok()
                });
            by_sha1
                || (claim.sha1.is_none()
                    && claim
                        .sha256
                        .and_then(|text| hex::decode(text).ok())
                        .is_some_and(|signature| {
                            let mut mac = Hmac::<Sha256>::new_from_slice(key.bytes())
                                .expect("HMAC takes keys of any length");
                            mac.update(url.as_bytes());
                            mac.update(body);
                            is_lower_hex(claim.sha256) && mac.verify_slice(&signature).is_ok()
                        })) // (3)
        }
    }
}

fn is_lower_hex(text: Option<&str>) -> bool {
    text.is_some_and(|text| !text.bytes().any(|byte| byte.is_ascii_uppercase()))
}

fn sha1(key: &SigningKey, url: &str, feed: impl FnOnce(&mut Hmac<Sha1>)) -> Hmac<Sha1> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key.bytes()).expect("HMAC takes keys of any length");
    mac.update(url.as_bytes());
    feed(&mut mac);
    mac
}

fn feed_fields(mac: &mut Hmac<Sha1>, form: &Form, lossy: bool) {
    let mut sorted: Vec<&(Vec<u8>, Vec<u8>)> = form.fields().iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0)); // (2): byte order; stable, so repeats keep the order of submission
    for (name, value) in sorted {
        for part in [name, value] {
            if lossy {
                mac.update(String::from_utf8_lossy(part).as_bytes());
            } else {
                mac.update(part);
            }
        }
    }
}

fn has_broken_utf8(form: &Form) -> bool {
    form.fields()
        .iter()
        .any(|(name, value)| std::str::from_utf8(name).is_err() || std::str::from_utf8(value).is_err())
}

fn body_sha256(url: &str) -> Option<&str> {
    let (_, query) = url.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix("bodySHA256="))
}

/// The URL as given, and with the default port of its scheme added or removed.
fn port_variants(url: &str) -> Vec<String> {
    let mut variants = vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else {
        return variants;
    };
    let port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return variants,
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    if let Some(bare) = authority.strip_suffix(port) {
        variants.push(format!("{scheme}://{bare}{tail}"));
    } else if !has_port(authority.rsplit_once('@').map_or(authority, |(_, host)| host)) {
        variants.push(format!("{scheme}://{authority}{port}{tail}"));
    }
    variants
}

/// `[::1]` has colons but no port.
fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    const VECTORS: &str = include_str!("../../fixtures/signature_vectors.json");

    fn holds(case: &Value, signature: &str) -> bool {
        let text = |name: &str| case[name].as_str().unwrap_or("");
        let keys: Vec<SigningKey> = SigningKey::new(text("key")).into_iter().collect();
        let body = text("raw_body").as_bytes();
        let claim = if case["header"] == "X-SignalWire-SHA256-Signature" {
            Claim {
                sha1: None,
                sha256: Some(signature),
            }
        } else {
            Claim {
                sha1: Some(signature),
                sha256: None,
            }
        };
        let form = Form::parse(body).unwrap();
        let scheme = if text("content_type").contains("json") {
            Scheme::Json(body)
        } else {
            Scheme::Form(&form)
        };
        verify(&keys, text("url"), scheme, claim)
    }

    #[test]
    fn every_vector_that_is_certain_passes() {
        let vectors: Value = serde_json::from_str(VECTORS).unwrap();
        let mut tried = 0;
        for case in vectors["vectors"].as_array().unwrap() {
            if case["status"] == "uncertain" {
                continue;
            }
            tried += 1;
            assert!(
                holds(case, case["expected_signature"].as_str().unwrap()),
                "{}",
                case["id"]
            );
        }
        assert_eq!(tried, 16);
    }

    #[test]
    fn every_negative_vector_is_refused() {
        let vectors: Value = serde_json::from_str(VECTORS).unwrap();
        let negative = vectors["negative"].as_array().unwrap();
        assert_eq!(negative.len(), 16);
        for case in negative {
            assert!(
                !holds(case, case["signature"].as_str().unwrap()),
                "{}",
                case["id"]
            );
        }
    }

    fn sign(key: &str, url: &str, form: &Form) -> String {
        let key = SigningKey::new(key).unwrap();
        BASE64.encode(
            sha1(&key, url, |mac| feed_fields(mac, form, false))
                .finalize()
                .into_bytes(),
        )
    }

    #[test]
    fn two_keys_during_a_rotation() {
        let form = Form::parse(b"A=1").unwrap();
        let signature = sign("new", "https://x.example/y", &form);
        let keys = [SigningKey::new("old").unwrap(), SigningKey::new("new").unwrap()];
        let claim = Claim {
            sha1: Some(&signature),
            sha256: None,
        };
        assert!(verify(&keys, "https://x.example/y", Scheme::Form(&form), claim));
        assert!(!verify(
            &keys[..1],
            "https://x.example/y",
            Scheme::Form(&form),
            claim
        ));
    }

    #[test]
    fn ports() {
        assert_eq!(
            port_variants("https://a.example/x"),
            ["https://a.example/x", "https://a.example:443/x"]
        );
        assert_eq!(
            port_variants("https://a.example:443"),
            ["https://a.example:443", "https://a.example"]
        );
        assert_eq!(
            port_variants("http://a.example:8080/x"),
            ["http://a.example:8080/x"]
        );
        assert_eq!(port_variants("http://[::1]/x").len(), 2);
        assert_eq!(port_variants("http://[::1]:9000/x").len(), 1);
        assert_eq!(
            port_variants("https://u:p@a.example/x")[1],
            "https://u:p@a.example:443/x"
        );
    }

    proptest! {
        #[test]
        fn a_changed_byte_never_passes(body in "[A-Za-z0-9=&%+]{1,60}", at in 0usize..60, key in "[a-z]{1,20}") {
            let form = Form::parse(body.as_bytes()).unwrap();
            let signature = sign(&key, "https://x.example/y?z=1", &form);
            let claim = Claim { sha1: Some(&signature), sha256: None };
            let keys = [SigningKey::new(&key).unwrap()];
            prop_assert!(verify(&keys, "https://x.example/y?z=1", Scheme::Form(&form), claim));
            let mut fields = form.fields().to_vec();
            if let Some((_, value)) = fields.first_mut() {
                value.push(u8::try_from(at % 256).unwrap());
                let changed: Vec<u8> = fields.iter().flat_map(|(k, v)| {
                    let hex = |part: &[u8]| part.iter().map(|b| format!("%{b:02X}")).collect::<String>();
                    format!("{}={}&", hex(k), hex(v)).into_bytes()
                }).collect();
                let changed = Form::parse(&changed).unwrap();
                prop_assert!(!verify(&keys, "https://x.example/y?z=1", Scheme::Form(&changed), claim));
            }
        }

        #[test]
        fn garbage_is_refused_without_a_panic(signature in any::<String>(), url in any::<String>(), body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let keys = [SigningKey::new("k").unwrap()];
            let form = Form::parse(&body).unwrap();
            let claim = Claim { sha1: Some(&signature), sha256: Some(&signature) };
            prop_assert!(!verify(&keys, &url, Scheme::Form(&form), claim));
            prop_assert!(!verify(&keys, &url, Scheme::Json(&body), claim));
        }
    }
}
