//! Who calls the API: bearer tokens of Clerk or any OIDC issuer, verified against its JWKS.
//!
//! RS256 and ES256 only, whatever a token's header says. The key set is fetched at the first token, again when a token names a key
//! that is not in it, once a minute at most (a flood of invented key ids costs one fetch), and when it is ten minutes old: a key that
//! the issuer took back is not good for as long as the process lives.

use crate::config::{ConfigError, Settings, https_or_loopback};
use crate::domain::Scope;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tokio::sync::RwLock;

const REFETCH_MIN: Duration = Duration::from_secs(60);
const AGE_MAX: Duration = Duration::from_secs(600);
/// How far the issuer's clock may be from ours.
const LEEWAY_SECONDS: u64 = 30;
const FETCH_SECONDS_MAX: u64 = 5;
const KEY_SET_BYTES_MAX: usize = 256 * 1024;

/// Why a token was refused. The caller learns no more than "unauthorized".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No `Authorization: Bearer …`.
    #[error("there is no bearer token")]
    Missing,
    /// No JWT, or one that is not valid here and now.
    #[error("the bearer token is not valid")]
    Invalid,
    /// The issuer's keys cannot be fetched: nobody can be let in.
    #[error("the issuer's keys cannot be fetched")]
    KeysUnavailable,
}

/// Who a token speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The user.
    pub subject: String,
    /// `o.id` (Clerk's second token format), else `org_id` (its first), else the user's own id: a personal workspace.
    pub organization: String,
    /// `o.rol`, else `org_role`, without Clerk's `org:` prefix.
    pub role: Option<String>,
}

impl Member {
    /// Whether the role allows it. Without a role somebody is the owner of the personal workspace, and a member of any other;
    /// roles that are not known allow nothing.
    pub fn may(&self, scope: Scope) -> bool {
        let role = match self.role.as_deref() {
            None if self.organization == self.subject => "owner",
            None => "member",
            Some(role) => role,
        };
        match role {
            "owner" | "admin" => scope != Scope::PlatformRead,
            "manager" => !matches!(scope, Scope::PlatformRead | Scope::KeysWrite),
            "member" | "basic_member" | "agent" => !matches!(
                scope,
                Scope::PlatformRead | Scope::KeysWrite | Scope::NumbersWrite | Scope::ConsentWrite
            ),
            "viewer" => matches!(
                scope,
                Scope::NumbersRead | Scope::ConversationsRead | Scope::UsageRead | Scope::ConsentRead
            ),
            "billing" => scope == Scope::UsageRead,
            _ => false,
        }
    }
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    iat: Option<f64>,
    org_id: Option<String>,
    org_role: Option<String>,
    o: Option<Value>,
}

/// Verifies tokens: `AUTH_ISSUER`, `AUTH_JWKS_URL`, `AUTH_AUDIENCE`.
pub struct Verifier {
    issuer: String,
    audience: Option<String>,
    jwks_url: url::Url,
    http: OnceLock<reqwest::Client>,
    keys: RwLock<Option<Keys>>,
    /// How long after one more fetch another may follow.
    refetch_min: Duration,
    /// How old a key set may be.
    age_max: Duration,
}

struct Keys {
    set: JwkSet,
    fetched: Instant,
    /// When it was asked for again, if it was.
    asked_again: Option<Instant>,
}

impl Verifier {
    /// Reads the settings.
    ///
    /// # Errors
    /// Missing or malformed.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let issuer = settings.required("AUTH_ISSUER")?;
        https_or_loopback("AUTH_ISSUER", issuer)?;
        let jwks_url = settings.optional("AUTH_JWKS_URL").map_or_else(
            || format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/')),
            str::to_owned,
        );
        Ok(Self {
            issuer: issuer.to_owned(),
            audience: settings.optional("AUTH_AUDIENCE").map(str::to_owned),
            jwks_url: https_or_loopback("AUTH_JWKS_URL", &jwks_url)?,
            http: OnceLock::new(),
            keys: RwLock::new(None),
            refetch_min: REFETCH_MIN,
            age_max: AGE_MAX,
        })
    }

    /// Verifies an `Authorization` header.
    ///
    /// # Errors
    /// A [`Refusal`].
    pub async fn verify(&self, authorization: Option<&str>) -> Result<Member, Refusal> {
        let (scheme, token) = authorization
            .and_then(|text| text.split_once(' '))
            .ok_or(Refusal::Missing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refusal::Missing);
        }
        let token = token.trim();
        let header = decode_header(token).map_err(|_| Refusal::Invalid)?;
        if !matches!(header.alg, Algorithm::RS256 | Algorithm::ES256) || demands_more(token) {
            return Err(Refusal::Invalid);
        }
        let jwk = self.key(header.kid.as_deref()).await?;
        let fits = matches!(
            (&jwk.algorithm, header.alg),
            (AlgorithmParameters::RSA(_), Algorithm::RS256)
                | (AlgorithmParameters::EllipticCurve(_), Algorithm::ES256)
        );
        if !fits {
            return Err(Refusal::Invalid);
        }
        let key = DecodingKey::from_jwk(&jwk).map_err(|_| Refusal::Invalid)?;
        let mut validation = Validation::new(header.alg);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        validation.set_issuer(&[&self.issuer]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY_SECONDS;
        match &self.audience {
            Some(audience) => {
                validation.set_audience(&[audience]);
                validation.required_spec_claims.insert("aud".to_owned());
            }
            None => validation.validate_aud = false,
        }
        let claims = decode::<Claims>(token, &key, &validation)
            .map_err(|_| Refusal::Invalid)?
            .claims;
        // the library checks `exp` and `nbf`; a token from the future was made by a clock, or by somebody, not to be believed
        let now = Timestamp::now().as_second() as f64;
        if claims
            .iat
            .is_some_and(|issued| issued > now + LEEWAY_SECONDS as f64)
        {
            return Err(Refusal::Invalid);
        }
        let member = member(claims);
        // no organization is called that, and Postgres takes no NUL
        if member.organization.contains('\0') || member.subject.contains('\0') {
            return Err(Refusal::Invalid);
        }
        Ok(member)
    }

    async fn key(&self, kid: Option<&str>) -> Result<Jwk, Refusal> {
        if let Some(keys) = self.keys.read().await.as_ref()
            && let Some(known) = self.look_up(keys, kid)
        {
            return known;
        }
        let mut keys = self.keys.write().await;
        if let Some(keys) = keys.as_ref()
            && let Some(known) = self.look_up(keys, kid)
        {
            return known; // somebody else has fetched them meanwhile
        }
        let now = Instant::now();
        match (self.fetch().await, keys.as_mut()) {
            (Some(set), before) => {
                let asked_again = before.is_some().then_some(now);
                *keys = Some(Keys {
                    set,
                    fetched: now,
                    asked_again,
                });
            }
            (None, before) => {
                tracing::error!("JWKS could not be fetched from AUTH_JWKS_URL");
                match before {
                    Some(keys) => keys.asked_again = Some(now), // the known keys stay good
                    None => return Err(Refusal::KeysUnavailable),
                }
            }
        }
        keys.as_ref()
            .and_then(|keys| find(&keys.set, kid))
            .ok_or(Refusal::Invalid)
    }

    /// What a key set says of a key; `None` when it has to be fetched again before it says anything.
    fn look_up(&self, keys: &Keys, kid: Option<&str>) -> Option<Result<Jwk, Refusal>> {
        let may_ask = keys
            .asked_again
            .is_none_or(|asked| asked.elapsed() >= self.refetch_min);
        match find(&keys.set, kid) {
            Some(jwk) if !may_ask || keys.fetched.elapsed() < self.age_max => Some(Ok(jwk)),
            None if !may_ask => Some(Err(Refusal::Invalid)),
            _ => None,
        }
    }

    async fn fetch(&self) -> Option<JwkSet> {
        let http = self.http.get_or_init(|| {
            reqwest::Client::builder()
                .tls_backend_preconfigured(crate::tls::client_config(&[]))
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .timeout(Duration::from_secs(FETCH_SECONDS_MAX))
                .build()
                .expect("nothing in these options depends on the environment")
        });
        let mut response = http
            .get(self.jwks_url.clone())
            .send()
            .await
            .ok()?
            .error_for_status()
            .ok()?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.ok()? {
            if body.len() + chunk.len() > KEY_SET_BYTES_MAX {
                return None;
            }
            body.extend_from_slice(&chunk);
        }
        // keys of kinds that we do not know must not hide those that we do
        let value: Value = serde_json::from_slice(&body).ok()?;
        let keys = value["keys"]
            .as_array()?
            .iter()
            .filter_map(|key| serde_json::from_value(key.clone()).ok())
            .collect();
        Some(JwkSet { keys })
    }
}

/// Whether a token's header names what must be understood before it may be believed (`crit`, RFC 7515 4.1.11): nothing is, here.
fn demands_more(token: &str) -> bool {
    let header = token.split('.').next().unwrap_or_default();
    let header: Option<Value> = URL_SAFE_NO_PAD
        .decode(header)
        .ok()
        .and_then(|header| serde_json::from_slice(&header).ok());
    header.is_none_or(|header| header.get("crit").is_some())
}

fn find(set: &JwkSet, kid: Option<&str>) -> Option<Jwk> {
    match kid {
        Some(kid) => set.find(kid).cloned(),
        None if set.keys.len() == 1 => set.keys.first().cloned(),
        None => None,
    }
}

fn member(claims: Claims) -> Member {
    let nested = |name: &str| {
        claims
            .o
            .as_ref()
            .and_then(|o| o[name].as_str())
            .map(str::to_owned)
    };
    let role = nested("rol")
        .or(claims.org_role.clone())
        .map(|role| role.trim_start_matches("org:").to_owned());
    let organization = nested("id")
        .or(claims.org_id.clone())
        .unwrap_or_else(|| claims.sub.clone());
    Member {
        subject: claims.sub,
        organization,
        role,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use testkit::identity::{Claims, Issuer};

    fn of(claims: Value) -> Member {
        member(serde_json::from_value(claims).unwrap())
    }

    #[test]
    fn organizations() {
        let second = of(json!({"sub": "user_1", "o": {"id": "org_1", "rol": "admin"}, "org_id": "org_2"}));
        assert_eq!(
            (second.organization.as_str(), second.role.as_deref()),
            ("org_1", Some("admin"))
        );
        let first = of(json!({"sub": "user_1", "org_id": "org_2", "org_role": "org:member"}));
        assert_eq!(
            (first.organization.as_str(), first.role.as_deref()),
            ("org_2", Some("member"))
        );
        let personal = of(json!({"sub": "user_1"}));
        assert_eq!((personal.organization.as_str(), personal.role), ("user_1", None));
    }

    #[test]
    fn roles() {
        let table = [
            (Some("owner"), "mnNcCu"),
            (Some("admin"), "mnNcCu"),
            (Some("manager"), "mnNcCu"),
            (Some("member"), "mncCu"),
            (Some("basic_member"), "mncCu"),
            (Some("agent"), "mncCu"),
            (None, "mncCu"),
            (Some("viewer"), "ncu"),
            (Some("billing"), "u"),
            (Some("janitor"), ""),
            (Some(""), ""),
        ];
        let scopes = [
            ('m', Scope::MessagesWrite),
            ('n', Scope::NumbersRead),
            ('N', Scope::NumbersWrite),
            ('c', Scope::ConversationsRead),
            ('C', Scope::ConversationsWrite),
            ('u', Scope::UsageRead),
            ('p', Scope::PlatformRead),
        ];
        let member = |organization: &str, role: Option<&str>| Member {
            subject: "user_1".into(),
            organization: organization.into(),
            role: role.map(str::to_owned),
        };
        for (role, allowed) in table {
            for (letter, scope) in scopes {
                let may = member("org_1", role).may(scope);
                assert_eq!(may, allowed.contains(letter), "{role:?} {scope}");
            }
        }
        let personal = member("user_1", None);
        assert!(personal.may(Scope::NumbersWrite) && personal.may(Scope::KeysWrite));
        assert!(!personal.may(Scope::PlatformRead));
    }

    #[test]
    fn trust_is_configured_over_https() {
        let read = |pairs: &[(&str, &str)]| {
            Verifier::from_settings(&Settings::of(pairs)).map(|v| v.jwks_url.to_string())
        };
        assert_eq!(
            read(&[("AUTH_ISSUER", "https://i.example/")]).unwrap(),
            "https://i.example/.well-known/jwks.json"
        );
        assert!(read(&[("AUTH_ISSUER", "http://i.example")]).is_err());
        assert!(
            read(&[
                ("AUTH_ISSUER", "https://i.example"),
                ("AUTH_JWKS_URL", "http://i.example/keys")
            ])
            .is_err()
        );
        assert!(read(&[]).is_err());
    }

    /// A verifier of an issuer's tokens, which may ask for keys again after that long.
    fn verifier(issuer: &Issuer, audience: Option<&str>, refetch_min: Duration) -> Verifier {
        let (url, jwks) = (issuer.url(), issuer.jwks_url());
        let mut settings = Settings::of(&[("AUTH_ISSUER", &url), ("AUTH_JWKS_URL", &jwks)]);
        if let Some(audience) = audience {
            settings = settings.with("AUTH_AUDIENCE", audience);
        }
        let mut verifier = Verifier::from_settings(&settings).expect("both are on loopback");
        verifier.refetch_min = refetch_min;
        verifier
    }

    async fn verify(verifier: &Verifier, token: &str) -> Result<String, Refusal> {
        let header = format!("Bearer {token}");
        verifier.verify(Some(&header)).await.map(|member| member.subject)
    }

    #[tokio::test]
    async fn each_forged_token_is_refused_beside_a_good_one() {
        let issuer = Issuer::start().unwrap();
        let claims = || Claims::of("user_1").organization("org_1", "admin", "acme");
        for audience in [None, Some("ringspace")] {
            let verifier = verifier(&issuer, audience, REFETCH_MIN);
            let claims = audience.map_or_else(claims, |audience| claims().audience(audience));
            for algorithm in [Algorithm::RS256, Algorithm::ES256] {
                let good = issuer.token_with(algorithm, &claims);
                assert_eq!(
                    verify(&verifier, &good).await,
                    Ok("user_1".into()),
                    "{algorithm:?}"
                );
            }
            for (name, forged) in issuer.forged(&claims) {
                assert_eq!(verify(&verifier, &forged).await, Err(Refusal::Invalid), "{name}");
            }
            // the set, and once more for the first of the keys that nobody has
            assert_eq!(issuer.jwks_requests(), if audience.is_none() { 2 } else { 4 });
        }
        let strict = verifier(&issuer, Some("ringspace"), REFETCH_MIN);
        for claims in [claims(), claims().audience("somebody-else")] {
            assert_eq!(
                verify(&strict, &issuer.token(&claims)).await,
                Err(Refusal::Invalid)
            );
        }
        // a clock that is a little off is forgiven
        let late = claims().expired_for(Duration::from_secs(10));
        let lenient = verifier(&issuer, None, REFETCH_MIN);
        assert_eq!(verify(&lenient, &issuer.token(&late)).await, Ok("user_1".into()));
    }

    #[tokio::test]
    async fn a_new_key_is_fetched_at_once_and_the_next_one_after_the_pause() {
        let issuer = Issuer::start().unwrap();
        let claims = Claims::of("user_1");
        let (patient, eager) = (
            verifier(&issuer, None, REFETCH_MIN),
            verifier(&issuer, None, Duration::ZERO),
        );
        let old = issuer.token(&claims);
        for verifier in [&patient, &eager] {
            assert!(verify(verifier, &old).await.is_ok());
        }
        issuer.rotate(false);
        let first = issuer.token(&claims);
        for _ in 0..2 {
            assert_eq!(verify(&patient, &first).await, Ok("user_1".into()));
        }
        issuer.rotate(false);
        let new = issuer.token(&claims);
        let fetched = issuer.jwks_requests();
        for _ in 0..3 {
            assert_eq!(verify(&patient, &new).await, Err(Refusal::Invalid));
        }
        assert_eq!(issuer.jwks_requests(), fetched, "not before the pause is over");
        assert_eq!(verify(&eager, &new).await, Ok("user_1".into()));
        assert_eq!(issuer.jwks_requests(), fetched + 1);
        assert_eq!(
            verify(&eager, &old).await,
            Err(Refusal::Invalid),
            "its key was withdrawn"
        );
        // whoever meets no unknown key looks again when the set is old
        let mut aged = verifier(&issuer, None, Duration::ZERO);
        aged.age_max = Duration::ZERO;
        assert!(verify(&aged, &new).await.is_ok());
        issuer.rotate(false);
        assert_eq!(verify(&aged, &new).await, Err(Refusal::Invalid));
    }

    #[tokio::test]
    async fn without_the_issuer_nobody_new_gets_in() {
        let issuer = Issuer::start().unwrap();
        let token = issuer.token(&Claims::of("user_1"));
        let verifier = verifier(&issuer, None, Duration::ZERO);
        issuer.fail_jwks(true);
        assert_eq!(verify(&verifier, &token).await, Err(Refusal::KeysUnavailable));
        issuer.fail_jwks(false);
        assert!(verify(&verifier, &token).await.is_ok());
        // the known keys stay good while it is away
        issuer.fail_jwks(true);
        issuer.rotate(true);
        let unknown = issuer.token(&Claims::of("user_1"));
        assert_eq!(verify(&verifier, &unknown).await, Err(Refusal::Invalid));
        assert!(verify(&verifier, &token).await.is_ok());
    }
}
