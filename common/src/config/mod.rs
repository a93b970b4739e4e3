//! Settings: each is an environment variable, or a key of the JSON secret that `APP_SECRET_ID` names; the environment wins.
//!
//! A function states what it needs as one struct with a `from_settings`; [`Live`] builds it at start, and again when the
//! secret has changed.

mod live;
mod runtime_environment;
mod secret;

pub use live::{Live, StartError};

use crate::domain::{PhoneNumber, area_code, destination::AllowedCountries};
use crate::webhook::urls::{AppUrl, is_loopback};
use secrecy::SecretString;
use std::collections::{BTreeSet, HashMap};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

/// A setting that stops the start. The message names it and never shows its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not set, or empty.
    #[error(
        "{0} is not set: give it as an environment variable or as a key of the secret that APP_SECRET_ID names"
    )]
    Missing(&'static str),
    /// Set to something that cannot be used.
    #[error("{name} is malformed: {why}")]
    Malformed {
        /// The setting.
        name: &'static str,
        /// What is expected instead.
        why: String,
    },
}

impl ConfigError {
    /// A malformed setting.
    pub fn malformed(name: &'static str, why: impl ToString) -> Self {
        Self::Malformed {
            name,
            why: why.to_string(),
        }
    }
}

/// The settings as texts. Has no `Debug`: most of it is secret.
#[derive(Clone, Default)]
pub struct Settings {
    environment: HashMap<String, String>,
    secret: HashMap<String, String>,
    record: Option<Arc<Record>>,
}

/// What a function reads and calls: for the test that compares it with what the template gives it.
#[doc(hidden)]
#[derive(Default)]
pub struct Record {
    read: Mutex<BTreeSet<String>>,
    called: Mutex<BTreeSet<(&'static str, String)>>,
}

impl Record {
    /// The settings that were asked for, whether they were there or not.
    pub fn read(&self) -> BTreeSet<String> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The AWS actions that it is prepared to call, each with the setting that names the resource.
    pub fn called(&self) -> BTreeSet<(&'static str, String)> {
        self.called.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Settings {
    /// The process's environment alone.
    pub fn from_environment() -> Self {
        Self {
            environment: std::env::vars_os()
                .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
                .collect(),
            ..Self::default()
        }
    }

    /// Given pairs: for tests and local stacks.
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        Self {
            environment: pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            ..Self::default()
        }
    }

    /// The same, keeping a record of what is asked of it.
    #[doc(hidden)]
    #[must_use]
    pub fn recorded(mut self, record: Arc<Record>) -> Self {
        self.record = Some(record);
        self
    }

    /// Says that the AWS action may be called on what the setting names.
    pub fn will_call(&self, action: &'static str, name: &str) {
        if let Some(record) = &self.record {
            let mut called = record.called.lock().unwrap_or_else(PoisonError::into_inner);
            called.insert((action, name.to_owned()));
        }
    }

    /// The same with one more variable, or another value.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same environment over another secret.
    fn with_secret(&self, secret: HashMap<String, String>) -> Self {
        Self {
            environment: self.environment.clone(),
            secret,
            record: self.record.clone(),
        }
    }

    /// A setting that may be left out. Empty counts as left out.
    pub fn optional(&self, name: &str) -> Option<&str> {
        if let Some(record) = &self.record {
            let mut read = record.read.lock().unwrap_or_else(PoisonError::into_inner);
            read.insert(name.to_owned());
        }
        let filled = |value: &&String| !value.trim().is_empty();
        self.environment
            .get(name)
            .filter(filled)
            .or_else(|| self.secret.get(name).filter(filled))
            .map(|value| value.trim())
    }

    /// A setting that has to be there.
    ///
    /// # Errors
    /// [`ConfigError::Missing`].
    pub fn required(&self, name: &'static str) -> Result<&str, ConfigError> {
        self.optional(name).ok_or(ConfigError::Missing(name))
    }

    /// A required setting, read as a type.
    ///
    /// # Errors
    /// Missing or malformed.
    pub fn parse<T: FromStr<Err: std::fmt::Display>>(&self, name: &'static str) -> Result<T, ConfigError> {
        self.required(name)?
            .parse()
            .map_err(|error: T::Err| ConfigError::malformed(name, error))
    }

    /// An optional setting, read as a type.
    ///
    /// # Errors
    /// Malformed.
    pub fn parse_optional<T: FromStr<Err: std::fmt::Display>>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, ConfigError> {
        self.optional(name)
            .map(|text| {
                text.parse()
                    .map_err(|error: T::Err| ConfigError::malformed(name, error))
            })
            .transpose()
    }

    /// A required setting that must not show up anywhere.
    ///
    /// # Errors
    /// Missing.
    pub fn secret(&self, name: &'static str) -> Result<SecretString, ConfigError> {
        self.required(name).map(SecretString::from)
    }

    /// `APP_URL`, or `NEXT_PUBLIC_APP_URL` as the former system called it.
    ///
    /// # Errors
    /// Missing or malformed.
    pub fn app_url(&self) -> Result<AppUrl, ConfigError> {
        match self.parse_optional("APP_URL")? {
            Some(url) => Ok(url),
            None => self
                .parse_optional("NEXT_PUBLIC_APP_URL")?
                .ok_or(ConfigError::Missing("APP_URL")),
        }
    }

    /// `SIGNALWIRE_PHONE_NUMBER` and `SIGNALWIRE_WHATSAPP_NUMBER`.
    ///
    /// # Errors
    /// The former missing, either malformed.
    pub fn shared_numbers(&self) -> Result<SharedNumbers, ConfigError> {
        Ok(SharedNumbers {
            platform: self.parse("SIGNALWIRE_PHONE_NUMBER")?,
            whatsapp: self.parse_optional("SIGNALWIRE_WHATSAPP_NUMBER")?,
        })
    }

    /// `ALLOWED_COUNTRIES`.
    ///
    /// # Errors
    /// Malformed.
    pub fn allowed_countries(&self) -> Result<AllowedCountries, ConfigError> {
        self.optional("ALLOWED_COUNTRIES")
            .unwrap_or("US,CA")
            .parse()
            .map_err(|error| ConfigError::malformed("ALLOWED_COUNTRIES", error))
    }

    /// `DEFAULT_AREA_CODE`.
    ///
    /// # Errors
    /// Malformed.
    pub fn default_area_code(&self) -> Result<String, ConfigError> {
        let code = self.optional("DEFAULT_AREA_CODE").unwrap_or("405");
        if area_code::is_shaped(code) {
            Ok(code.to_owned())
        } else {
            Err(ConfigError::malformed(
                "DEFAULT_AREA_CODE",
                "three digits are expected, the first from 2 to 9",
            ))
        }
    }

    /// `RELEASE_GRACE_DAYS`.
    ///
    /// # Errors
    /// Malformed.
    pub fn release_grace_days(&self) -> Result<i32, ConfigError> {
        match self.parse_optional::<i32>("RELEASE_GRACE_DAYS")? {
            None => Ok(30),
            Some(days @ 0..=3650) => Ok(days),
            Some(_) => Err(ConfigError::malformed(
                "RELEASE_GRACE_DAYS",
                "a number of days from 0 to 3650 is expected",
            )),
        }
    }
}

/// Numbers that several workspaces share.
#[derive(Debug, Clone)]
pub struct SharedNumbers {
    /// What Starter workspaces use.
    pub platform: PhoneNumber,
    /// The WhatsApp sender, where there is one.
    pub whatsapp: Option<PhoneNumber>,
}

impl SharedNumbers {
    /// Whether a number is one of them.
    pub fn contain(&self, number: &PhoneNumber) -> bool {
        *number == self.platform || self.whatsapp.as_ref() == Some(number)
    }
}

/// An https URL, or an http one on this machine: for settings to which credentials or trust are tied.
///
/// # Errors
/// [`ConfigError::Malformed`].
pub fn https_or_loopback(name: &'static str, text: &str) -> Result<url::Url, ConfigError> {
    let url = url::Url::parse(text)
        .map_err(|_| ConfigError::malformed(name, "an absolute https URL is expected"))?;
    if url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url)) {
        Ok(url)
    } else {
        Err(ConfigError::malformed(
            name,
            "https is required (http on loopback only)",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_wins_over_the_secret() {
        let settings = Settings::of(&[("A", "env"), ("B", "")]).with_secret(HashMap::from([
            ("A".into(), "secret".into()),
            ("B".into(), "b".into()),
        ]));
        assert_eq!(settings.optional("A"), Some("env"));
        assert_eq!(settings.optional("B"), Some("b"));
        assert_eq!(
            settings
                .required("C")
                .unwrap_err()
                .to_string()
                .split_whitespace()
                .next(),
            Some("C")
        );
    }

    #[test]
    fn the_former_name_of_app_url() {
        assert!(
            Settings::of(&[("NEXT_PUBLIC_APP_URL", "https://x.example")])
                .app_url()
                .is_ok()
        );
        assert_eq!(
            Settings::default().app_url().unwrap_err(),
            ConfigError::Missing("APP_URL")
        );
    }

    #[test]
    fn defaults_and_refusals() {
        let none = Settings::default();
        assert_eq!(none.default_area_code().unwrap(), "405");
        assert_eq!(none.release_grace_days().unwrap(), 30);
        assert!(none.allowed_countries().is_ok());
        assert!(
            Settings::of(&[("DEFAULT_AREA_CODE", "12")])
                .default_area_code()
                .is_err()
        );
        assert!(
            Settings::of(&[("RELEASE_GRACE_DAYS", "-1")])
                .release_grace_days()
                .is_err()
        );
        assert!(
            Settings::of(&[("ALLOWED_COUNTRIES", "United States")])
                .allowed_countries()
                .is_err()
        );
        assert!(
            Settings::of(&[("SIGNALWIRE_PHONE_NUMBER", "405")])
                .shared_numbers()
                .is_err()
        );
    }

    #[test]
    fn trust_needs_https() {
        assert!(https_or_loopback("X", "https://issuer.example").is_ok());
        assert!(https_or_loopback("X", "http://127.0.0.1:1/jwks").is_ok());
        assert!(https_or_loopback("X", "http://issuer.example").is_err());
        assert!(https_or_loopback("X", "issuer").is_err());
    }
}
