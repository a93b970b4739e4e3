//! Who calls the API, and what they may do: a member with a bearer token, or a server with an API key.
//!
//! One header, two steps. [`Callers::identify`] reads `Authorization` and [`Caller::check`] asks the role, both without the
//! database; a key's scopes and whose the workspace is are decided by the SQL function `authorise`, inside the statement that does
//! the work: a [`Permit`] is its first four parameters.

use crate::bearer::{Member, Refusal, Verifier};
use crate::config::{ConfigError, Settings};
use crate::domain::Scope;
use crate::http::Problem;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::fmt;
use uuid::Uuid;

/// How every API key begins: told from a token at a glance, and found by secret scanners.
const KEY_PREFIX: &str = "rsk_";
/// 256 bits.
const KEY_BYTES: usize = 32;
/// So much of a key is kept to tell it by; what remains secret is more than 200 bits.
const SHOWN_CHARS: usize = 12;

/// The SHA-256 of an API key: what is stored, and looked for. A key is 256 random bits, so nothing slower is needed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyHash([u8; 32]);

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

impl KeyHash {
    /// Of a key as it is shown; `None` when it is not shaped like one.
    pub fn of(key: &str) -> Option<Self> {
        let random = URL_SAFE_NO_PAD.decode(key.strip_prefix(KEY_PREFIX)?).ok()?;
        (random.len() == KEY_BYTES).then(|| Self(Sha256::digest(key).into()))
    }

    /// The bytes that are stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A new API key. Shown once; has no `Debug`.
pub struct SecretKey(String);

impl SecretKey {
    /// A random one.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn random() -> Result<Self, NoRandomness> {
        let random = random_bytes::<KEY_BYTES>()?;
        Ok(Self(format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(random))))
    }

    /// What its user is shown.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// How it begins.
    pub fn prefix(&self) -> &str {
        &self.0[..SHOWN_CHARS]
    }

    /// What is stored of it.
    pub fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(&self.0).into())
    }
}

/// Random bytes, fit for secrets.
///
/// # Errors
/// When the system has no randomness.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut random = [0; N];
    rustls::crypto::aws_lc_rs::default_provider()
        .secure_random
        .fill(&mut random)
        .map_err(|_| NoRandomness)?;
    Ok(random)
}

/// The system gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gave no random bytes")]
pub struct NoRandomness;

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Somebody with a valid token.
    Member(Member),
    /// Somebody with something shaped like a key: whether it is one, only the database knows.
    Key(KeyHash),
}

impl Caller {
    /// Whether this may be allowed: a role is judged here, a key's scopes by the statement that gets its [`Permit`].
    pub fn may(&self, scope: Scope) -> bool {
        match self {
            Self::Member(member) => member.may(scope),
            Self::Key(_) => true,
        }
    }

    /// The same as a refusal.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn check(&self, scope: Scope) -> Result<(), Problem> {
        if self.may(scope) { Ok(()) } else { Err(forbidden()) }
    }

    /// What a statement of the API takes first.
    pub fn permit(&self, workspace_id: impl Into<Option<Uuid>>, scope: Scope) -> Permit<'_> {
        let (owner, key) = match self {
            Self::Member(member) => (Some(member.organization.as_str()), None),
            Self::Key(hash) => (None, Some(hash.as_bytes())),
        };
        Permit {
            workspace_id: workspace_id.into(),
            owner,
            key,
            scope: scope.as_str(),
        }
    }
}

/// The first four parameters of every SQL function of the API, in this order.
#[derive(Clone, Copy)]
pub struct Permit<'a> {
    /// For which workspace; `None`: the platform.
    pub workspace_id: Option<Uuid>,
    /// The organization that a token speaks for.
    pub owner: Option<&'a str>,
    /// The hash of an API key.
    pub key: Option<&'a [u8]>,
    /// What is to be done.
    pub scope: &'a str,
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("workspace_id", &self.workspace_id)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// Reads the `Authorization` header.
pub struct Callers(Verifier);

impl Callers {
    /// Reads the settings of [`Verifier`].
    ///
    /// # Errors
    /// Missing or malformed.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        Verifier::from_settings(settings).map(Self)
    }

    /// Who calls.
    ///
    /// # Errors
    /// `unauthorized`, or `auth_unavailable` while the issuer's keys cannot be fetched.
    pub async fn identify(&self, authorization: Option<&str>) -> Result<Caller, Problem> {
        let shown = authorization.and_then(|text| {
            let (scheme, token) = text.split_once(' ')?;
            let token = token.trim();
            (scheme.eq_ignore_ascii_case("bearer") && token.starts_with(KEY_PREFIX)).then_some(token)
        });
        if let Some(key) = shown {
            return KeyHash::of(key)
                .map(Caller::Key)
                .ok_or_else(|| unauthorized("the API key is not valid"));
        }
        match self.0.verify(authorization).await {
            Ok(member) => Ok(Caller::Member(member)),
            Err(Refusal::KeysUnavailable) => {
                let mut problem =
                    Problem::new(503, "auth_unavailable", "tokens cannot be verified right now");
                problem.retry_after_seconds = Some(5);
                Err(problem)
            }
            Err(refusal) => Err(unauthorized(&refusal.to_string())),
        }
    }
}

/// The problem for a refusal of the SQL function `authorise`; `None` for any other word.
pub fn denied(code: &str) -> Option<Problem> {
    match code {
        "unauthorized" => Some(unauthorized("the API key is not valid")),
        "forbidden" => Some(forbidden()),
        "unknown_workspace" => Some(Problem::new(
            404,
            "unknown_workspace",
            "there is no such workspace",
        )),
        _ => None,
    }
}

fn unauthorized(why: &str) -> Problem {
    Problem::new(401, "unauthorized", why)
}

fn forbidden() -> Problem {
    Problem::new(403, "forbidden", "this role or API key may not do that")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn identify(header: &str) -> Result<Caller, Problem> {
        let settings = Settings::of(&[("AUTH_ISSUER", "https://issuer.example")]);
        Callers::from_settings(&settings)
            .unwrap()
            .identify(Some(header))
            .await
    }

    #[tokio::test]
    async fn keys_are_known_by_their_shape() {
        let key = SecretKey::random().unwrap();
        assert_eq!((key.expose().len(), key.prefix().len()), (47, 12));
        let caller = identify(&format!("Bearer {}", key.expose())).await.unwrap();
        assert_eq!(caller, Caller::Key(key.hash()));
        assert_eq!(format!("{caller:?}"), "Key(KeyHash(…))");
        assert_ne!(SecretKey::random().unwrap().hash(), key.hash());
        for (header, code) in [
            ("Bearer rsk_", "unauthorized"),
            ("Bearer rsk_AAAA", "unauthorized"),
            (&format!("Bearer {}A", key.expose()), "unauthorized"),
            (&format!("Basic {}", key.expose()), "unauthorized"),
            (key.expose(), "unauthorized"),
            ("Bearer", "unauthorized"),
            ("", "unauthorized"),
        ] {
            let problem = identify(header).await.unwrap_err();
            assert_eq!((problem.status, problem.code), (401, code), "{header}");
            assert_eq!(problem.to_response().headers()["www-authenticate"], "Bearer");
        }
    }

    #[test]
    fn permits() {
        let workspace = Uuid::from_u128(1);
        let key = Caller::Key(KeyHash([7; 32]));
        let permit = key.permit(workspace, Scope::MessagesWrite);
        assert_eq!((permit.owner, permit.key), (None, Some([7; 32].as_slice())));
        assert_eq!(
            (permit.workspace_id, permit.scope),
            (Some(workspace), "messages:write")
        );
        assert!(!format!("{permit:?}").contains("[7,"));
        let member = Caller::Member(Member {
            subject: "user_1".into(),
            organization: "org_1".into(),
            role: Some("viewer".into()),
        });
        let permit = member.permit(None, Scope::PlatformRead);
        assert_eq!(
            (permit.owner, permit.key, permit.workspace_id),
            (Some("org_1"), None, None)
        );
        assert!(member.check(Scope::NumbersRead).is_ok());
        assert_eq!(member.check(Scope::MessagesWrite).unwrap_err().status, 403);
    }

    #[test]
    fn refusals_of_the_database() {
        for (word, status) in [
            ("unauthorized", 401),
            ("forbidden", 403),
            ("unknown_workspace", 404),
        ] {
            let problem = denied(word).unwrap();
            assert_eq!((problem.code, problem.status), (word, status));
        }
        assert!(denied("opted_out").is_none());
    }
}
