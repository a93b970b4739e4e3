//! What a caller of the API may do, by name.

use std::fmt;
use std::str::FromStr;

/// A permission. The names stand in `api_keys.scopes` too, whose check lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Send messages and place calls.
    MessagesWrite,
    /// See numbers and their orders.
    NumbersRead,
    /// Order, configure and release numbers.
    NumbersWrite,
    /// Read conversations and messages.
    ConversationsRead,
    /// Mark, archive and close conversations.
    ConversationsWrite,
    /// See what was used and what it costs.
    UsageRead,
    /// See who opted out, and the history.
    ConsentRead,
    /// Change somebody's consent by hand.
    ConsentWrite,
    /// Create and revoke API keys.
    KeysWrite,
    /// See figures of the whole platform; operators' keys only.
    PlatformRead,
}

/// A word that names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no scope; they are {list}", list = Scope::ALL.map(Scope::as_str).join(", "))]
pub struct UnknownScope(String);

impl Scope {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::MessagesWrite,
        Self::NumbersRead,
        Self::NumbersWrite,
        Self::ConversationsRead,
        Self::ConversationsWrite,
        Self::UsageRead,
        Self::ConsentRead,
        Self::ConsentWrite,
        Self::KeysWrite,
        Self::PlatformRead,
    ];

    /// The name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MessagesWrite => "messages:write",
            Self::NumbersRead => "numbers:read",
            Self::NumbersWrite => "numbers:write",
            Self::ConversationsRead => "conversations:read",
            Self::ConversationsWrite => "conversations:write",
            Self::UsageRead => "usage:read",
            Self::ConsentRead => "consent:read",
            Self::ConsentWrite => "consent:write",
            Self::KeysWrite => "keys:write",
            Self::PlatformRead => "platform:read",
        }
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| UnknownScope(text.chars().take(64).collect()))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(scope));
        }
        let refused = "messages:read".parse::<Scope>().unwrap_err().to_string();
        assert!(refused.starts_with("`messages:read` is no scope; they are messages:write, "));
    }
}
