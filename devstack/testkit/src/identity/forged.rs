//! Tokens that a verifier has to refuse, each wrong in one way only.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

use super::{Claims, Issuer, keys};

const HOUR: Duration = Duration::from_secs(3600);

impl Issuer {
    /// All of them, with a name, for a test that is a table.
    pub fn forged(&self, claims: &Claims) -> Vec<(&'static str, String)> {
        vec![
            ("alg none", alg_none(self, claims)),
            ("hs256 with the public key", hs256_with_public_key(self, claims)),
            ("expired", expired(self, claims)),
            ("not yet valid", not_yet_valid(self, claims)),
            ("unknown kid", unknown_kid(self, claims)),
            ("no kid, another's key", no_kid(self, claims)),
            ("wrong issuer", wrong_issuer(self, claims)),
            ("another's key under a known kid", strangers_key(self, claims)),
            ("claims changed after signing", changed(self, claims)),
            ("signature removed", without_signature(self, claims)),
            ("no expiry", without_expiry(self, claims)),
            ("issued in the future", issued_in_the_future(self, claims)),
            ("a header that demands more", demanding_more(self, claims)),
            ("an organization with a NUL", with_nul(self, claims)),
        ]
    }
}

/// Claims to need no signature.
pub fn alg_none(issuer: &Issuer, claims: &Claims) -> String {
    let header = json!({ "alg": "none", "typ": "JWT" });
    format!("{}.", keys::unsigned(&header, &claims.document(&issuer.url())))
}

/// Signed with HMAC, the public key being the secret: passes where the header is believed.
pub fn hs256_with_public_key(issuer: &Issuer, claims: &Claims) -> String {
    let kid = keys::id(Algorithm::RS256, issuer.generation());
    let header = Header {
        kid: Some(kid),
        ..Header::new(Algorithm::HS256)
    };
    let secret = EncodingKey::from_secret(keys::RS256_PUBLIC_PEM.as_bytes());
    jsonwebtoken::encode(&header, &claims.document(&issuer.url()), &secret).expect("HMAC takes any secret")
}

/// Expired an hour ago.
pub fn expired(issuer: &Issuer, claims: &Claims) -> String {
    issuer.token(&claims.clone().expired_for(HOUR))
}

/// Valid in an hour only.
pub fn not_yet_valid(issuer: &Issuer, claims: &Claims) -> String {
    issuer.token(&claims.clone().valid_after(HOUR))
}

/// Rightly signed, under a key name that is in no set.
pub fn unknown_kid(issuer: &Issuer, claims: &Claims) -> String {
    keys::sign(
        Algorithm::RS256,
        issuer.generation(),
        "nobodys-key",
        &claims.document(&issuer.url()),
    )
}

/// Names no key, and is signed with one that is not in the set.
pub fn no_kid(issuer: &Issuer, claims: &Claims) -> String {
    let signed = keys::sign(
        Algorithm::RS256,
        issuer.generation() + 1,
        "",
        &claims.document(&issuer.url()),
    );
    let (_, signature) = signed.rsplit_once('.').expect("a token has three parts");
    let header = json!({ "alg": "RS256", "typ": "JWT" });
    format!(
        "{}.{signature}",
        keys::unsigned(&header, &claims.document(&issuer.url()))
    )
}

/// Rightly signed, but says that somebody else did.
pub fn wrong_issuer(issuer: &Issuer, claims: &Claims) -> String {
    issuer.token(&claims.clone().with("iss", json!("https://somebody.else.example")))
}

/// Names a key of the set, but is signed with another.
pub fn strangers_key(issuer: &Issuer, claims: &Claims) -> String {
    let generation = issuer.generation();
    let kid = keys::id(Algorithm::RS256, generation);
    keys::sign(
        Algorithm::RS256,
        generation + 1,
        &kid,
        &claims.document(&issuer.url()),
    )
}

/// The subject was changed after signing.
pub fn changed(issuer: &Issuer, claims: &Claims) -> String {
    let token = issuer.token(claims);
    let mut parts = token.split('.');
    let (header, _, signature) = (parts.next(), parts.next(), parts.next());
    let document = claims
        .clone()
        .with("sub", json!("user_somebody_else"))
        .document(&issuer.url());
    let claims = keys::encode(document.to_string());
    format!(
        "{}.{claims}.{}",
        header.unwrap_or_default(),
        signature.unwrap_or_default()
    )
}

/// Ends where the signature should begin.
pub fn without_signature(issuer: &Issuer, claims: &Claims) -> String {
    let token = issuer.token(claims);
    let (signed, _) = token.rsplit_once('.').expect("a token has three parts");
    format!("{signed}.")
}

/// Rightly signed, and good for ever.
pub fn without_expiry(issuer: &Issuer, claims: &Claims) -> String {
    issuer.token(&claims.clone().with("exp", serde_json::Value::Null))
}

/// Rightly signed by a clock that is an hour ahead.
pub fn issued_in_the_future(issuer: &Issuer, claims: &Claims) -> String {
    let later = jiff::Timestamp::now().as_second() + 3600;
    issuer.token(&claims.clone().with("iat", json!(later)).expires_in(2 * HOUR))
}

/// Rightly signed, with an extension that whoever does not understand it has to refuse (RFC 7515 4.1.11).
pub fn demanding_more(issuer: &Issuer, claims: &Claims) -> String {
    let kid = keys::id(Algorithm::RS256, issuer.generation());
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": kid, "crit": ["exp"], "exp": 1 });
    keys::sign_under(&header, issuer.generation(), &claims.document(&issuer.url()))
}

/// Rightly signed, for an organization that no database can hold.
pub fn with_nul(issuer: &Issuer, claims: &Claims) -> String {
    issuer.token(
        &claims
            .clone()
            .with("org_id", json!("org_\u{0}"))
            .with("o", json!(null)),
    )
}
