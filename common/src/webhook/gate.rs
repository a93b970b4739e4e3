//! The one way in for the carrier's webhooks: size, then signature, then account, before a field is read or a row is touched.

use super::form::Form;
use super::signature::{Claim, Scheme, SigningKey, verify};
use super::urls::AppUrl;
use crate::config::{ConfigError, Settings};
use crate::http::RawRequest;
use serde_json::Value;

/// The longest body; the carrier's own limit on documents is the same.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// Why a webhook was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Longer than [`BODY_BYTES_MAX`].
    #[error("the body is longer than 64 kB")]
    TooLarge,
    /// No signature header.
    #[error("there is no signature")]
    MissingSignature,
    /// Not made with our key over this URL and body.
    #[error("the signature does not match")]
    BadSignature,
    /// `AccountSid` of another project.
    #[error("the account is not ours")]
    ForeignAccount,
    /// Signed, but not of the shape that the carrier documents.
    #[error("{field} is missing or malformed")]
    Malformed {
        /// The field's name on the wire.
        field: &'static str,
    },
}

impl Rejection {
    /// The HTTP status that the sender sees. No more detail goes to somebody who could not sign.
    pub fn status(self) -> u16 {
        match self {
            Self::TooLarge => 413,
            Self::MissingSignature | Self::BadSignature | Self::ForeignAccount => 403,
            Self::Malformed { .. } => 400,
        }
    }

    /// A stable name for logs and counts.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::MissingSignature => "missing_signature",
            Self::BadSignature => "bad_signature",
            Self::ForeignAccount => "foreign_account",
            Self::Malformed { .. } => "malformed",
        }
    }
}

/// A body that was let in.
#[derive(Debug, Clone)]
pub enum Payload {
    /// Form fields: every Compatibility webhook.
    Form(Form),
    /// JSON: campaign events and callbacks of the messaging API (FACTS 6).
    Json(Value),
}

impl Payload {
    /// The form that a Compatibility webhook has to be.
    ///
    /// # Errors
    /// [`Rejection::Malformed`] for JSON.
    pub fn into_form(self) -> Result<Form, Rejection> {
        match self {
            Self::Form(form) => Ok(form),
            Self::Json(_) => Err(Rejection::Malformed {
                field: "Content-Type",
            }),
        }
    }
}

/// What verifies webhooks: `SIGNALWIRE_SIGNING_KEY`, `APP_URL`, `SIGNALWIRE_PROJECT_ID`, `WEBHOOK_SIGNATURES`.
#[derive(Debug, Clone)]
pub struct Gate {
    keys: Vec<SigningKey>,
    app_url: AppUrl,
    project_id: String,
    enforced: bool,
}

impl Gate {
    /// Reads the settings.
    ///
    /// # Errors
    /// A missing or malformed setting, by name; signatures switched off anywhere but on this machine.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let app_url: AppUrl = settings.app_url()?;
        let enforced = match settings.optional("WEBHOOK_SIGNATURES") {
            None | Some("required") => true,
            Some("off") if app_url.is_loopback() => false,
            Some("off") => {
                return Err(ConfigError::malformed(
                    "WEBHOOK_SIGNATURES",
                    "`off` is for a loopback APP_URL only",
                ));
            }
            Some(_) => {
                return Err(ConfigError::malformed(
                    "WEBHOOK_SIGNATURES",
                    "it is `required` or `off`",
                ));
            }
        };
        let keys: Vec<SigningKey> = settings
            .required("SIGNALWIRE_SIGNING_KEY")?
            .split(',')
            .filter_map(|key| SigningKey::new(key.trim()))
            .collect();
        if keys.is_empty() || keys.len() > 2 {
            return Err(ConfigError::malformed(
                "SIGNALWIRE_SIGNING_KEY",
                "one key, or two with a comma between them, are expected",
            ));
        }
        Ok(Self {
            keys,
            app_url,
            project_id: settings.required("SIGNALWIRE_PROJECT_ID")?.to_owned(),
            enforced,
        })
    }

    /// Our public URLs.
    pub fn app_url(&self) -> &AppUrl {
        &self.app_url
    }

    /// Lets a request in, or says why not. Touches neither disk nor network.
    ///
    /// # Errors
    /// A [`Rejection`].
    pub fn open(&self, request: &RawRequest<'_>) -> Result<Payload, Rejection> {
        if request.body.len() > BODY_BYTES_MAX {
            return Err(Rejection::TooLarge);
        }
        let is_json = request
            .header("content-type")
            .is_some_and(|kind| kind.to_ascii_lowercase().contains("json"));
        let form = if is_json {
            None
        } else {
            Some(Form::parse(request.body).ok_or(Rejection::BadSignature)?)
        };
        if self.enforced {
            let claim = Claim {
                sha1: request
                    .header("x-signalwire-signature")
                    .or_else(|| request.header("x-twilio-signature")),
                sha256: request.header("x-signalwire-sha256-signature"),
            };
            if claim.sha1.or(claim.sha256).is_none_or(str::is_empty) {
                return Err(Rejection::MissingSignature);
            }
            let url = self.app_url.requested(request.path, request.query);
            let scheme = form.as_ref().map_or(Scheme::Json(request.body), Scheme::Form);
            if !verify(&self.keys, &url, scheme, claim) {
                return Err(Rejection::BadSignature);
            }
        }
        match form {
            Some(form) => {
                for account in form.all("AccountSid") {
                    self.check_account(Some(&account))?;
                }
                Ok(Payload::Form(form))
            }
            None => {
                let value: Value = serde_json::from_slice(request.body)
                    .map_err(|_| Rejection::Malformed { field: "body" })?;
                self.check_account(value["project_id"].as_str().or(value["AccountSid"].as_str()))?;
                Ok(Payload::Json(value))
            }
        }
    }

    fn check_account(&self, stated: Option<&str>) -> Result<(), Rejection> {
        match stated {
            Some(account) if account != self.project_id => Err(Rejection::ForeignAccount),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
    use hmac::{Hmac, KeyInit, Mac};
    use lambda_http::http::HeaderMap;

    fn gate(extra: &[(&str, &str)]) -> Result<Gate, ConfigError> {
        let mut pairs = vec![
            ("APP_URL", "https://x.example"),
            ("SIGNALWIRE_SIGNING_KEY", "PSK_new"),
            ("SIGNALWIRE_PROJECT_ID", "ours"),
        ];
        pairs.extend_from_slice(extra);
        Gate::from_settings(&Settings::of(&pairs))
    }

    fn knock(gate: &Gate, body: &str, header: &str, signature: Option<&str>) -> Result<Payload, Rejection> {
        let mut headers = HeaderMap::new();
        headers.insert(
            "content-type",
            "application/x-www-form-urlencoded".parse().unwrap(),
        );
        if let Some(signature) = signature {
            headers.insert(
                lambda_http::http::HeaderName::from_bytes(header.as_bytes()).unwrap(),
                signature.parse().unwrap(),
            );
        }
        gate.open(&RawRequest {
            method: "POST",
            path: "/api/webhooks/signalwire/sms",
            query: "",
            headers: &headers,
            body: body.as_bytes(),
        })
    }

    fn signed(text: &str) -> String {
        let mut mac = Hmac::<sha1::Sha1>::new_from_slice(b"PSK_new").unwrap();
        mac.update(b"https://x.example/api/webhooks/signalwire/sms");
        mac.update(text.as_bytes());
        BASE64.encode(mac.finalize().into_bytes())
    }

    #[test]
    fn the_right_key_opens_under_either_header() {
        let gate = gate(&[]).unwrap();
        let signature = signed("AccountSidoursTo1");
        for header in ["x-signalwire-signature", "x-twilio-signature"] {
            assert!(knock(&gate, "To=1&AccountSid=ours", header, Some(&signature)).is_ok());
        }
    }

    #[test]
    fn refusals() {
        let gate = gate(&[]).unwrap();
        let error = |body: &str, signature: Option<&str>| {
            knock(&gate, body, "x-signalwire-signature", signature).unwrap_err()
        };
        assert_eq!(error("To=1", None), Rejection::MissingSignature);
        assert_eq!(error("To=1", Some("")), Rejection::MissingSignature);
        assert_eq!(error("To=2", Some(&signed("To1"))), Rejection::BadSignature);
        assert_eq!(
            error("AccountSid=other", Some(&signed("AccountSidother"))),
            Rejection::ForeignAccount
        );
        let twice = signed("AccountSidoursAccountSidother");
        assert_eq!(
            error("AccountSid=ours&AccountSid=other", Some(&twice)),
            Rejection::ForeignAccount
        );
        assert_eq!(error(&"a".repeat(BODY_BYTES_MAX + 1), None), Rejection::TooLarge);
        assert_eq!(error(&"a=1&".repeat(5000), Some("x")), Rejection::BadSignature);
    }

    #[test]
    fn off_is_for_this_machine_only() {
        assert!(gate(&[("WEBHOOK_SIGNATURES", "off")]).is_err());
        assert!(gate(&[("WEBHOOK_SIGNATURES", "maybe")]).is_err());
        let local = gate(&[
            ("WEBHOOK_SIGNATURES", "off"),
            ("APP_URL", "http://127.0.0.1:9000"),
        ])
        .unwrap();
        assert!(knock(&local, "To=1", "x", None).is_ok());
        assert_eq!(
            knock(&local, "AccountSid=other", "x", None).unwrap_err(),
            Rejection::ForeignAccount
        );
    }

    #[test]
    fn an_empty_key_is_refused() {
        assert!(gate(&[("SIGNALWIRE_SIGNING_KEY", "")]).is_err());
        assert!(gate(&[("SIGNALWIRE_SIGNING_KEY", " , ")]).is_err());
        assert!(gate(&[("SIGNALWIRE_SIGNING_KEY", "a,b,c")]).is_err());
        assert!(gate(&[("SIGNALWIRE_SIGNING_KEY", "a, b")]).is_ok());
    }
}
