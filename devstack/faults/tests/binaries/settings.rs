//! Each setting that a function needs stops its start when it is missing or malformed, and is named.

use crate::programs;
use crate::world::log_of;
use faults::programs::FUNCTIONS;
use testkit::runtime_api::{Function, InvokeError};

/// Settings with which a function starts. Nothing is reached at the start.
const GOOD: [(&str, &str); 10] = [
    ("APP_URL", "https://ringspace.example"),
    (
        "DATABASE_URL",
        "postgres://user:good-password@127.0.0.1:9/ringspace",
    ),
    ("SIGNALWIRE_PROJECT_ID", "6d7f2f6e-1d2c-4c3b-9a55-0c1f8e7a9b10"),
    ("SIGNALWIRE_TOKEN", "PT-good-token"),
    ("SIGNALWIRE_SIGNING_KEY", "PSK-good-key"),
    ("SIGNALWIRE_SPACE_URL", "example.signalwire.com"),
    ("SIGNALWIRE_PHONE_NUMBER", "+14056940235"),
    (
        "CLERK_WEBHOOK_SECRET",
        "whsec_cmluZ3NwYWNlLWxvY2FsLWNsZXJrLXNlY3JldC0w",
    ),
    (
        "PROVISIONING_QUEUE_URL",
        "https://sqs.us-east-1.amazonaws.com/123456789012/provisioning",
    ),
    ("AUTH_ISSUER", "https://issuer.example"),
];

const SPOOL: (&str, &str) = (
    "SPOOL_QUEUE_URL",
    "https://sqs.us-east-1.amazonaws.com/123456789012/spool",
);

const GATE: &[&str] = &["APP_URL", "SIGNALWIRE_SIGNING_KEY", "SIGNALWIRE_PROJECT_ID"];
const STORE: &[&str] = &["DATABASE_URL"];
const SHARED: &[&str] = &["SIGNALWIRE_PHONE_NUMBER"];
const CARRIER: &[&str] = &[
    "APP_URL",
    "SIGNALWIRE_PROJECT_ID",
    "SIGNALWIRE_TOKEN",
    "SIGNALWIRE_SPACE_URL",
];

/// What a function does not start without.
fn required(function: &str) -> Vec<&'static str> {
    let groups: &[&[&'static str]] = match function {
        "sms-webhook" | "voice-webhook" | "status-callback" => &[GATE, STORE, SHARED],
        "webhook-fallback" => &[GATE, &["SPOOL_QUEUE_URL"]],
        "spool-replay" => &[STORE, SHARED],
        "provision-trigger" => &[STORE, CARRIER],
        "reconciler" => &[STORE, CARRIER, SHARED],
        "outbound-send" => &[STORE, CARRIER, SHARED, &["AUTH_ISSUER"]],
        "workspace-api" => &[STORE, CARRIER, SHARED, &["AUTH_ISSUER", "PROVISIONING_QUEUE_URL"]],
        "clerk-webhook" => &[&["CLERK_WEBHOOK_SECRET", "PROVISIONING_QUEUE_URL"]],
        "migrator" => &[STORE],
        other => panic!("which settings does {other} need?"),
    };
    groups.concat()
}

/// What a function may do without, but does not take in any form.
fn optional(function: &str) -> Vec<&'static str> {
    const WEBHOOK: &[&str] = &["WEBHOOK_SIGNATURES"];
    const TRUST: &[&str] = &["DATABASE_CA"];
    const WHATSAPP: &[&str] = &["SIGNALWIRE_WHATSAPP_NUMBER"];
    const COUNTRIES: &[&str] = &["ALLOWED_COUNTRIES"];
    const ORDERS: &[&str] = &["DEFAULT_AREA_CODE", "RELEASE_GRACE_DAYS"];
    let groups: &[&[&'static str]] = match function {
        "sms-webhook" | "voice-webhook" | "status-callback" => {
            &[WEBHOOK, TRUST, WHATSAPP, COUNTRIES, &["SPOOL_QUEUE_URL"]]
        }
        "webhook-fallback" | "clerk-webhook" => &[WEBHOOK],
        "spool-replay" => &[TRUST, WHATSAPP, COUNTRIES],
        "provision-trigger" => &[TRUST, ORDERS],
        "reconciler" => &[TRUST, ORDERS, WHATSAPP],
        "outbound-send" => &[TRUST, WHATSAPP, COUNTRIES, &["AUTH_JWKS_URL"]],
        "workspace-api" => &[
            TRUST,
            WHATSAPP,
            COUNTRIES,
            &["AUTH_JWKS_URL", "DEFAULT_AREA_CODE"],
        ],
        "migrator" => &[TRUST, &["MIGRATION_DATABASE_URL"]],
        other => panic!("which settings may {other} have?"),
    };
    groups.concat()
}

/// A value that cannot be used, unless any text can.
fn malformed(name: &str) -> Option<&'static str> {
    Some(match name {
        "APP_URL" => "ringspace dot example",
        "DATABASE_URL" | "MIGRATION_DATABASE_URL" => "mysql://user:bad-password@127.0.0.1/ringspace",
        "DATABASE_CA" => "/no/such/file.pem",
        "SIGNALWIRE_SIGNING_KEY" => " , ",
        "SIGNALWIRE_SPACE_URL" => "https://signalwire.evil.example",
        "SIGNALWIRE_PHONE_NUMBER" | "SIGNALWIRE_WHATSAPP_NUMBER" => "405-694-0235",
        "CLERK_WEBHOOK_SECRET" => "whsec_#not#base64#",
        "PROVISIONING_QUEUE_URL" | "SPOOL_QUEUE_URL" => "my-queue",
        "AUTH_ISSUER" | "AUTH_JWKS_URL" => "http://issuer.example",
        "WEBHOOK_SIGNATURES" => "sometimes",
        "ALLOWED_COUNTRIES" => "United States",
        "DEFAULT_AREA_CODE" => "12",
        "RELEASE_GRACE_DAYS" => "-1",
        "SIGNALWIRE_PROJECT_ID" | "SIGNALWIRE_TOKEN" => return None,
        other => panic!("what is a malformed {other}?"),
    })
}

fn good(function: &str) -> Vec<(&'static str, &'static str)> {
    let needed = required(function);
    let all = GOOD.into_iter().chain([SPOOL]);
    all.filter(|(name, _)| needed.contains(name)).collect()
}

/// Starts a function that must not start, and gives the reason that it logs.
async fn refusal(function: &str, environment: &[(&str, &str)], case: &str) -> String {
    let started = Function::spawn(programs().path(function), environment.iter().copied()).unwrap();
    match started.ready().await {
        Err(InvokeError::Exited { .. }) => {}
        other => panic!("{function} starts, {case}: {other:?}"),
    }
    let status = started.exit_status().unwrap();
    assert!(
        status.code().is_some_and(|code| code != 0),
        "{function}, {case}: {status}"
    );
    let log = log_of(&started);
    let [line] = log.as_slice() else {
        panic!("{function}, {case}: one line is expected: {log:?}");
    };
    assert_eq!(
        (&line["level"], &line["message"]),
        (&"ERROR".into(), &"Cannot start".into())
    );
    line["error"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn what_is_needed_is_enough_and_nothing_of_it_may_be_missing() {
    for function in FUNCTIONS {
        let environment = good(function);
        let started = Function::spawn(programs().path(function), environment.iter().copied()).unwrap();
        started.ready().await.unwrap();
        started.close().await;
        for missing in required(function) {
            let rest: Vec<_> = environment
                .iter()
                .copied()
                .filter(|(name, _)| *name != missing)
                .collect();
            for environment in [rest.clone(), [rest, vec![(missing, " ")]].concat()] {
                let reason = refusal(function, &environment, &format!("{missing} is missing")).await;
                assert!(
                    reason.starts_with(&format!("{missing} is not set")),
                    "{function}: {reason}"
                );
            }
        }
    }
}

#[tokio::test]
async fn what_is_malformed_is_named_and_not_shown() {
    for function in FUNCTIONS {
        for name in required(function).into_iter().chain(optional(function)) {
            let Some(value) = malformed(name) else { continue };
            let mut environment = good(function);
            environment.retain(|(known, _)| *known != name);
            environment.push((name, value));
            let reason = refusal(function, &environment, &format!("{name} is {value}")).await;
            assert!(
                reason.starts_with(&format!("{name} is malformed: ")),
                "{function}: {reason}"
            );
            assert!(!reason.contains("bad-password"), "{function}: {reason}");
        }
    }
}

#[tokio::test]
async fn signatures_cannot_be_switched_off_but_on_this_machine() {
    for function in FUNCTIONS {
        if !optional(function).contains(&"WEBHOOK_SIGNATURES") {
            continue;
        }
        let mut environment = good(function);
        environment.retain(|(name, _)| *name != "APP_URL");
        environment.push(("WEBHOOK_SIGNATURES", "off"));
        let local = [&environment[..], &[("APP_URL", "http://127.0.0.1:9000")]].concat();
        let started = Function::spawn(programs().path(function), local).unwrap();
        started.ready().await.unwrap();
        started.close().await;
        environment.push(("APP_URL", "https://ringspace.example"));
        let reason = refusal(function, &environment, "signatures are off").await;
        assert!(
            reason.starts_with("WEBHOOK_SIGNATURES is malformed: "),
            "{function}: {reason}"
        );
    }
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_stops_the_start() {
    for function in FUNCTIONS {
        let mut environment = good(function);
        environment.extend([
            ("APP_SECRET_ID", "ringspace/app"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ]);
        let reason = refusal(function, &environment, "the secret is away").await;
        assert!(reason.contains("APP_SECRET_ID"), "{function}: {reason}");
    }
}
