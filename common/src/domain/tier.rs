//! Subscription tiers.

use std::str::FromStr;

/// What a workspace pays for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// No number of its own; uses the platform number.
    Starter,
    /// One number.
    Professional,
    /// Ten numbers, more by its limit.
    Enterprise,
}

/// A tier that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such tier; it is one of starter (free), professional (pro), enterprise")]
pub struct UnknownTier;

impl Tier {
    /// The name in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starter => "starter",
            Self::Professional => "professional",
            Self::Enterprise => "enterprise",
        }
    }
}

impl FromStr for Tier {
    type Err = UnknownTier;

    fn from_str(text: &str) -> Result<Self, UnknownTier> {
        match text.trim().to_ascii_lowercase().as_str() {
            "starter" | "free" => Ok(Self::Starter),
            "professional" | "pro" => Ok(Self::Professional),
            "enterprise" => Ok(Self::Enterprise),
            _ => Err(UnknownTier),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_aliases() {
        for (name, tier) in [
            ("starter", Tier::Starter),
            ("free", Tier::Starter),
            ("Pro", Tier::Professional),
            ("professional", Tier::Professional),
            ("enterprise", Tier::Enterprise),
        ] {
            assert_eq!(name.parse(), Ok(tier));
        }
        assert_eq!("gold".parse::<Tier>(), Err(UnknownTier));
        assert_eq!("".parse::<Tier>(), Err(UnknownTier));
    }
}
