//! Every setting by itself, as the functions read it.

use super::Findings;
use common::bearer::Verifier;
use common::config::{ConfigError, Settings};
use common::queue::Queue;
use common::signalwire::Client;
use common::store::DatabaseUrl;
use common::webhook::Gate;
use standardwebhooks::Webhook;

const ADVICE: &str = "set it in the secret or the template's parameters (docs/DEPLOY.md lists all settings)";

pub(super) fn examine(settings: &Settings) -> Findings {
    let mut findings = Findings::of("configuration");
    let checks: [(&str, Result<(), ConfigError>); 10] = [
        ("APP_URL", settings.app_url().map(drop)),
        (
            "signing key, project and APP_URL",
            Gate::from_settings(settings).map(drop),
        ),
        (
            "space, project and token",
            Client::from_settings(settings).map(drop),
        ),
        ("platform number", settings.shared_numbers().map(drop)),
        (
            "DATABASE_URL",
            DatabaseUrl::from_settings(settings, "DATABASE_URL").map(drop),
        ),
        (
            "issuer of bearer tokens",
            Verifier::from_settings(settings).map(drop),
        ),
        ("ALLOWED_COUNTRIES", settings.allowed_countries().map(drop)),
        ("DEFAULT_AREA_CODE", settings.default_area_code().map(drop)),
        ("RELEASE_GRACE_DAYS", settings.release_grace_days().map(drop)),
        (
            "PROVISIONING_QUEUE_URL",
            Queue::from_settings(settings, "PROVISIONING_QUEUE_URL").map(drop),
        ),
    ];
    let mut told = Vec::new();
    for (what, result) in checks {
        match result {
            Ok(()) => findings.well(format!("{what}: readable")),
            Err(error) => {
                let error = error.to_string();
                if !told.contains(&error) {
                    findings.fault(error.clone(), ADVICE);
                    told.push(error);
                }
            }
        }
    }
    clerk(settings, &mut findings);
    signing_key(settings, &mut findings);
    if settings.optional("WEBHOOK_SIGNATURES") == Some("off") {
        findings.notice(
            "WEBHOOK_SIGNATURES is off: anybody may send webhooks",
            "for a local stack only; take it away anywhere else",
        );
    }
    if settings.optional("SPOOL_QUEUE_URL").is_none() {
        findings.notice(
            "SPOOL_QUEUE_URL is not set: while Postgres is away webhooks are answered with 503",
            "the template sets it; a local stack may do without",
        );
    }
    findings
}

fn clerk(settings: &Settings, findings: &mut Findings) {
    const NAME: &str = "CLERK_WEBHOOK_SECRET";
    match settings.optional(NAME) {
        None => findings.fault(
            format!("{NAME} is not set"),
            "copy it from Clerk, Webhooks, your endpoint, \"Signing Secret\"",
        ),
        Some(secret) if secret.starts_with("whsec_") && Webhook::new(secret).is_ok() => {
            findings.well(format!("{NAME}: readable"));
        }
        Some(_) => findings.fault(
            format!("{NAME} is malformed"),
            "whsec_ and base64 are expected: copy it whole from Clerk, Webhooks, your endpoint",
        ),
    }
}

/// Sending works with the token, so this mistake shows only as 403 on every webhook.
fn signing_key(settings: &Settings, findings: &mut Findings) {
    let Some(keys) = settings.optional("SIGNALWIRE_SIGNING_KEY") else {
        return;
    };
    let token = settings.optional("SIGNALWIRE_TOKEN").unwrap_or_default();
    for key in keys.split(',').map(str::trim) {
        if key == token || key.starts_with("PT") {
            findings.fault(
                "SIGNALWIRE_SIGNING_KEY is an API token: every webhook would be refused",
                "take the Signing Key (PSK_…) from the dashboard, API, Show Signing Key",
            );
        } else if !key.starts_with("PSK_") {
            findings.notice(
                "SIGNALWIRE_SIGNING_KEY does not begin with PSK_, as signing keys do",
                "compare it with the dashboard, API, Show Signing Key; `doctor --callback FILE` tries it on a real request",
            );
        }
    }
}
