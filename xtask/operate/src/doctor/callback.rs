//! The signing key on a request that the carrier really made: no API tells the key.

use super::Findings;
use common::config::Settings;
use common::http::{RawRequest, request_from_event};
use common::webhook::{Gate, Rejection};

pub(super) fn examine(settings: &Settings, callback: Option<&str>) -> Findings {
    let mut findings = Findings::of("signing key");
    let Some(text) = callback else {
        findings.unseen(
            "whether the signing key is the carrier's: no API tells it",
            "capture a webhook's event, and run `doctor --callback FILE`",
        );
        return findings;
    };
    let Ok(gate) = Gate::from_settings(settings) else {
        findings.unseen("nothing to verify with", "set the settings named above first");
        return findings;
    };
    let host = serde_json::from_str::<serde_json::Value>(text)
        .ok()
        .and_then(|event| event["headers"]["host"].as_str().map(str::to_owned));
    let request = serde_json::from_str(text).and_then(request_from_event);
    let Ok(request) = request else {
        findings.fault(
            "the file holds no API Gateway event (payload 2.0)",
            "events/sms-webhook has examples",
        );
        return findings;
    };
    let raw = RawRequest::of(&request);
    match gate.open(&raw) {
        Ok(_) => findings.well("the captured request was signed with our key, for our URL"),
        Err(Rejection::BadSignature) => {
            let elsewhere = host.filter(|host| {
                let app_url = format!("https://{host}");
                Gate::from_settings(&settings.clone().with("APP_URL", &app_url))
                    .is_ok_and(|gate| gate.open(&raw).is_ok())
            });
            match elsewhere {
                Some(host) => findings.fault(
                    format!("the key is right, but the carrier calls https://{host}"),
                    "make APP_URL the URL that is configured at SignalWire, or the other way round",
                ),
                None => findings.fault(
                    "the captured request does not verify",
                    "SIGNALWIRE_SIGNING_KEY is not this project's, or APP_URL is not the URL at SignalWire to the letter",
                ),
            }
        }
        Err(rejection) => findings.fault(
            format!("the captured request is refused: {rejection}"),
            "is it one of the carrier's?",
        ),
    }
    findings
}
