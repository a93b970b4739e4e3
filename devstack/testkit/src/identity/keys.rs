//! The fixed development keys. They lie in this repository for everyone to read: they protect nothing.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

/// Two of each, so that a rotation has somewhere to go.
const ES256: [(&str, &str); 2] = [
    (
        include_str!("../../fixtures/es256-1.pem"),
        include_str!("../../fixtures/es256-1.jwk.json"),
    ),
    (
        include_str!("../../fixtures/es256-2.pem"),
        include_str!("../../fixtures/es256-2.jwk.json"),
    ),
];
const RS256: [(&str, &str); 2] = [
    (
        include_str!("../../fixtures/rs256-1.pem"),
        include_str!("../../fixtures/rs256-1.jwk.json"),
    ),
    (
        include_str!("../../fixtures/rs256-2.pem"),
        include_str!("../../fixtures/rs256-2.jwk.json"),
    ),
];

/// The public half of the first RSA key, as an attacker would take it for an HMAC secret.
pub(super) const RS256_PUBLIC_PEM: &str = include_str!("../../fixtures/rs256-1.pub.pem");

/// The name of a key; every rotation gives new names, though there are but two pairs.
pub(super) fn id(algorithm: Algorithm, generation: u64) -> String {
    format!("dev-{}-{}", name(algorithm), generation + 1)
}

/// The public keys of a generation, as they stand in a key set.
pub(super) fn public(generation: u64) -> Vec<Value> {
    [Algorithm::ES256, Algorithm::RS256]
        .map(|algorithm| {
            let mut key: Value =
                serde_json::from_str(fixture(algorithm, generation).1).expect("the fixture is JSON");
            key["kid"] = json!(id(algorithm, generation));
            key
        })
        .into()
}

/// A signed token.
pub(super) fn sign(algorithm: Algorithm, generation: u64, kid: &str, claims: &Value) -> String {
    let der = der(fixture(algorithm, generation).0);
    let key = match algorithm {
        Algorithm::ES256 => EncodingKey::from_ec_der(&der),
        _ => EncodingKey::from_rsa_der(&der),
    };
    let header = Header {
        kid: Some(kid.to_owned()),
        ..Header::new(algorithm)
    };
    jsonwebtoken::encode(&header, claims, &key).expect("the fixture keys can sign")
}

/// A token rightly signed with RS256, with any header.
pub(super) fn sign_under(header: &Value, generation: u64, claims: &Value) -> String {
    let key = EncodingKey::from_rsa_der(&der(fixture(Algorithm::RS256, generation).0));
    let unsigned = unsigned(header, claims);
    let signature = jsonwebtoken::crypto::sign(unsigned.as_bytes(), &key, Algorithm::RS256);
    format!("{unsigned}.{}", signature.expect("the fixture keys can sign"))
}

/// The first two parts of a token, with any header.
pub(super) fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encode(header.to_string()), encode(claims.to_string()))
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn fixture(algorithm: Algorithm, generation: u64) -> (&'static str, &'static str) {
    let pairs = match algorithm {
        Algorithm::ES256 => ES256,
        Algorithm::RS256 => RS256,
        other => panic!("there is no {other:?} key: the issuer signs with ES256 or RS256"),
    };
    pairs[(generation % 2) as usize]
}

fn name(algorithm: Algorithm) -> &'static str {
    if algorithm == Algorithm::ES256 {
        "es256"
    } else {
        "rs256"
    }
}

fn der(pem: &str) -> Vec<u8> {
    let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(text).expect("the fixture is PEM")
}
