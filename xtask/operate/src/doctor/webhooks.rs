//! Our own doors, from outside: open, and shut to whoever cannot sign.

use super::Findings;
use common::config::Settings;
use std::time::Duration;

pub(super) async fn examine(settings: &Settings) -> Findings {
    let mut findings = Findings::of("webhooks");
    let base = match settings.optional("DEVSTACK_APP_URL") {
        Some(url) => url.to_owned(),
        None => match settings.app_url() {
            Ok(_) => settings
                .optional("APP_URL")
                .or(settings.optional("NEXT_PUBLIC_APP_URL"))
                .unwrap_or_default()
                .to_owned(),
            Err(_) => {
                findings.unseen("nothing to knock at", "set APP_URL first");
                return findings;
            }
        },
    };
    let base = base.trim_end_matches('/');
    let http = match reqwest::Client::builder()
        .tls_backend_preconfigured(common::tls::client_config(&[]))
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(10))
        .build()
    {
        Ok(http) => http,
        Err(error) => {
            findings.unseen(format!("no HTTP client: {error}"), "");
            return findings;
        }
    };
    for (path, wanted) in [
        ("/api/webhooks/signalwire/sms", 403),
        ("/api/webhooks/signalwire/voice", 403),
        ("/api/webhooks/signalwire/status", 403),
        ("/api/webhooks/clerk", 401),
        ("/api/communications", 401),
    ] {
        // an empty form stores nothing even where signatures are off
        let asked = http
            .post(format!("{base}{path}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .send()
            .await;
        match asked.map(|answer| answer.status().as_u16()) {
            Ok(status) if status == wanted => findings.well(format!("{path} answers, and refuses who cannot sign")),
            Ok(400) => findings.notice(format!("{path} answers, and asks for no signature"), "WEBHOOK_SIGNATURES=off is for a local stack only"),
            Ok(404) => findings.fault(
                format!("there is nothing at {base}{path}"),
                "APP_URL has to be the API's own URL or the domain mapped to it, without a stage or path more",
            ),
            Ok(status @ (301 | 302 | 307 | 308)) => findings.fault(
                format!("{base}{path} redirects ({status})"),
                "signatures cover the URL that is called first: make APP_URL the one that answers",
            ),
            Ok(status) => findings.fault(format!("{path} answers {status} instead of {wanted}"), "see the function's log group: does it start?"),
            Err(error) => {
                let why = if error.is_timeout() { "no answer within 10 s" } else { "no connection" };
                findings.fault(format!("{base} cannot be reached: {why}"), "is the stack deployed, and does the name resolve?");
                return findings;
            }
        }
    }
    findings
}
