//! The issuer's tokens, as a verifier sees them.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, TokenData, Validation, decode, decode_header};
use serde_json::{Value, json};
use testkit::identity::{Algorithm, Claims, Issuer, Layout};

fn fetch(url: &str) -> (u16, String) {
    let (address, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// What any careful verifier does.
fn verify(issuer: &Issuer, token: &str) -> Result<Value, String> {
    let keys: JwkSet =
        serde_json::from_str(&fetch(&issuer.jwks_url()).1).map_err(|error| error.to_string())?;
    let header = decode_header(token).map_err(|error| error.to_string())?;
    let key = keys.find(&header.kid.ok_or("no kid")?).ok_or("unknown kid")?;
    let algorithm = key
        .common
        .key_algorithm
        .ok_or("no algorithm")?
        .to_string()
        .parse()
        .map_err(|_| "algorithm")?;
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[issuer.url()]);
    validation.validate_nbf = true;
    let key = DecodingKey::from_jwk(key).map_err(|error| error.to_string())?;
    let token_text = token;
    let token: TokenData<Value> = decode(token, &key, &validation).map_err(|error| error.to_string())?;
    let whole = token_text.split('.').next().unwrap_or_default();
    let whole = URL_SAFE_NO_PAD.decode(whole).map_err(|error| error.to_string())?;
    let whole: Value = serde_json::from_slice(&whole).map_err(|error| error.to_string())?;
    if whole.get("crit").is_some() {
        return Err("a header that demands more".to_owned());
    }
    if token.claims["org_id"]
        .as_str()
        .is_some_and(|id| id.contains('\0'))
    {
        return Err("an organization with a NUL".to_owned());
    }
    if token.claims["iat"].as_i64() > Some(jiff::Timestamp::now().as_second() + 60) {
        return Err("issued in the future".to_owned());
    }
    Ok(token.claims)
}

#[test]
fn good_tokens_verify_in_both_layouts_and_algorithms() {
    let issuer = Issuer::start().unwrap();
    let claims = Claims::of("user_1").organization("org_1", "admin", "acme");
    let v2 = verify(&issuer, &issuer.token(&claims)).unwrap();
    assert_eq!(
        (&v2["sub"], &v2["o"]),
        (
            &json!("user_1"),
            &json!({ "id": "org_1", "rol": "admin", "slg": "acme" })
        )
    );
    let v1 = issuer.token_with(Algorithm::ES256, &claims.clone().layout(Layout::V1));
    let v1 = verify(&issuer, &v1).unwrap();
    assert_eq!(
        (&v1["org_id"], &v1["org_role"], v1.get("o")),
        (&json!("org_1"), &json!("org:admin"), None)
    );
    verify(&issuer, &issuer.token(&claims.expires_in(Duration::from_secs(5)))).unwrap();
}

#[test]
fn every_forged_token_is_refused() {
    let issuer = Issuer::start().unwrap();
    let claims = Claims::of("user_1").organization("org_1", "admin", "acme");
    for (name, token) in issuer.forged(&claims) {
        assert!(verify(&issuer, &token).is_err(), "{name}");
    }
}

#[test]
fn keys_rotate_with_and_without_the_old_ones() {
    let issuer = Issuer::start().unwrap();
    let claims = Claims::of("user_1");
    let first = issuer.token(&claims);
    issuer.rotate(true);
    let second = issuer.token(&claims);
    verify(&issuer, &first).unwrap();
    verify(&issuer, &second).unwrap();
    issuer.rotate(false);
    assert!(verify(&issuer, &first).is_err() && verify(&issuer, &second).is_err());
    verify(&issuer, &issuer.token(&claims)).unwrap();
}

#[test]
fn requests_are_counted_and_can_fail() {
    let issuer = Issuer::start().unwrap();
    assert_eq!(fetch(&issuer.jwks_url()).0, 200);
    issuer.fail_jwks(true);
    assert_eq!(fetch(&issuer.jwks_url()).0, 503);
    assert_eq!(issuer.jwks_requests(), 2);
    let discovery: Value =
        serde_json::from_str(&fetch(&format!("{}/.well-known/openid-configuration", issuer.url())).1)
            .unwrap();
    assert_eq!(discovery["jwks_uri"], issuer.jwks_url());
}
