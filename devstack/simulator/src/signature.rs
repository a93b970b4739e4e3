//! Webhook signatures, as the carrier makes them (FACTS 8). Written apart from the code that verifies them.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use crate::wire::Params;

fn hmac_sha1(key: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// The form scheme: base64 over the URL and every pair, sorted by name in byte order; repeated names keep their order.
pub fn sign_form(key: &str, url: &str, params: &Params) -> String {
    let mut pairs: Vec<_> = params.0.iter().collect();
    pairs.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    let mut parts = vec![url.as_bytes()];
    for (name, value) in pairs {
        parts.extend([name.as_bytes(), value.as_bytes()]);
    }
    BASE64_STANDARD.encode(hmac_sha1(key, &parts))
}

/// The JSON scheme: lower-case hex over the URL and the raw body.
pub fn sign_json(key: &str, url: &str, body: &[u8]) -> String {
    hmac_sha1(key, &[url.as_bytes(), body])
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../fixtures/signature_vectors.json")).unwrap()
    }

    #[test]
    fn every_positive_vector_of_our_schemes_is_reproduced() {
        let (mut forms, mut jsons) = (0, 0);
        for vector in vectors()["vectors"].as_array().unwrap() {
            let text = |name: &str| vector[name].as_str().unwrap_or_default();
            let (key, url, body) = (text("key"), text("signed_url"), text("raw_body"));
            let signature = match text("scheme") {
                "form-base64-sha1" => {
                    forms += 1;
                    let params = Params::parse(body);
                    if let Some(pairs) = vector["params"].as_array() {
                        let listed: Params = pairs
                            .iter()
                            .map(|p| (p[0].as_str().unwrap(), p[1].as_str().unwrap()))
                            .collect();
                        assert_eq!(params, listed, "{}", text("id"));
                    }
                    sign_form(key, url, &params)
                }
                "json-hex-sha1" => {
                    jsons += 1;
                    sign_json(key, url, body.as_bytes())
                }
                // The SHA-256 header belongs to SWML fetches; the simulator sends none.
                "json-hex-sha256" => continue,
                // The signature part of the bodySHA256 variant covers the URL alone.
                "json-bodySHA256-base64-sha1" => sign_form(key, url, &Params::default()),
                other => panic!("unknown scheme {other}"),
            };
            assert_eq!(signature, text("expected_signature"), "{}", text("id"));
        }
        assert_eq!((forms, jsons), (14, 3));
    }

    #[test]
    fn no_negative_vector_is_produced() {
        for vector in vectors()["negative"].as_array().unwrap() {
            let text = |name: &str| vector[name].as_str().unwrap_or_default();
            let signature = if text("content_type").contains("json") {
                sign_json(text("key"), text("url"), text("raw_body").as_bytes())
            } else {
                sign_form(text("key"), text("url"), &Params::parse(text("raw_body")))
            };
            assert_ne!(signature, text("signature"), "{}", text("id"));
        }
    }
}
