//! What a token says.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// How Clerk writes the organisation into a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Layout {
    /// `o: {id, rol, slg}`, the role without a prefix.
    #[default]
    V2,
    /// `org_id`, `org_role` (`org:admin`) and `org_slug`.
    V1,
}

#[derive(Debug, Clone)]
struct Organization {
    id: String,
    role: String,
    slug: String,
}

/// The claims of a token, with good defaults: valid from now, for an hour, without organisation or audience.
#[derive(Debug, Clone)]
pub struct Claims {
    subject: String,
    organization: Option<Organization>,
    layout: Layout,
    audience: Option<String>,
    issued_at: i64,
    not_before: i64,
    expires_at: i64,
    extra: Map<String, Value>,
}

impl Claims {
    /// Claims about this subject.
    pub fn of(subject: impl Into<String>) -> Self {
        let now = Timestamp::now().as_second();
        Self {
            subject: subject.into(),
            organization: None,
            layout: Layout::V2,
            audience: None,
            issued_at: now,
            // Clerk does so too, for clocks that are a little behind.
            not_before: now - 10,
            expires_at: now + 3600,
            extra: Map::new(),
        }
    }

    /// The organisation that the subject acts for; `role` without `org:`, such as `admin`.
    pub fn organization(
        mut self,
        id: impl Into<String>,
        role: impl Into<String>,
        slug: impl Into<String>,
    ) -> Self {
        self.organization = Some(Organization {
            id: id.into(),
            role: role.into(),
            slug: slug.into(),
        });
        self
    }

    /// How the organisation is written.
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// For whom the token is meant.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Valid for this long from now.
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.expires_at = Timestamp::now().as_second() + seconds(lifetime);
        self
    }

    /// Not valid since so long ago.
    pub fn expired_for(mut self, age: Duration) -> Self {
        self.expires_at = Timestamp::now().as_second() - seconds(age);
        self.issued_at = self.expires_at - 3600;
        self.not_before = self.issued_at;
        self
    }

    /// Valid only in so much time.
    pub fn valid_after(mut self, wait: Duration) -> Self {
        self.not_before = Timestamp::now().as_second() + seconds(wait);
        self
    }

    /// Any further claim, or another value for one of the others; `null` leaves it out.
    pub fn with(mut self, name: impl Into<String>, value: Value) -> Self {
        self.extra.insert(name.into(), value);
        self
    }

    pub(super) fn document(&self, issuer: &str) -> Value {
        let mut claims = json!({
            "iss": issuer,
            "sub": self.subject,
            "iat": self.issued_at,
            "nbf": self.not_before,
            "exp": self.expires_at,
            "sid": "sess_local",
        });
        if let Some(audience) = &self.audience {
            claims["aud"] = json!(audience);
        }
        if self.layout == Layout::V2 {
            claims["v"] = json!(2);
        }
        match (&self.organization, self.layout) {
            (Some(org), Layout::V2) => {
                claims["o"] = json!({ "id": org.id, "rol": org.role, "slg": org.slug })
            }
            (Some(org), Layout::V1) => {
                claims["org_id"] = json!(org.id);
                claims["org_role"] = json!(format!("org:{}", org.role));
                claims["org_slug"] = json!(org.slug);
            }
            (None, _) => {}
        }
        let fields = claims.as_object_mut().expect("claims are an object");
        for (name, value) in &self.extra {
            if value.is_null() {
                fields.remove(name);
            } else {
                fields.insert(name.clone(), value.clone());
            }
        }
        claims
    }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX / 4)
}
