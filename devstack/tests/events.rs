//! The files of `events/` are what `cargo run -p devstack --example events` writes, and nothing else lies there.

#[path = "../examples/events/carrier.rs"]
mod carrier;
#[path = "../examples/events/catalogue.rs"]
mod catalogue;
#[path = "../examples/events/clerk.rs"]
mod clerk;
#[path = "../examples/events/outbound.rs"]
mod outbound;
#[path = "../examples/events/queue.rs"]
mod queue;
#[path = "../examples/events/reports.rs"]
mod reports;
#[path = "../examples/events/schedule.rs"]
mod schedule;
#[path = "../examples/events/spool.rs"]
mod spool;

#[path = "../examples/events/workspace_api.rs"]
mod workspace_api_events;
use workspace_api_events as workspace_api;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::bearer::Verifier;
use common::config::Settings;
use devstack::fixture::{Fixture, request, text};
use serde_json::Value;
use testkit::aws::Aws;
use testkit::identity::Issuer;
use testkit::runtime_api::sqs_event;

fn lying_there(directory: &Path, prefix: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).expect("events/ is there") {
        let path = entry.expect("it can be read").path();
        let name = format!(
            "{prefix}{}",
            path.file_name().unwrap_or_default().to_string_lossy()
        );
        if path.is_dir() {
            lying_there(&path, &format!("{name}/"), found);
        } else {
            found.insert(name, fs::read_to_string(&path).expect("it is a text"));
        }
    }
}

#[test]
fn they_are_what_the_generator_writes() {
    let mut found = BTreeMap::new();
    lying_there(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../events"),
        "",
        &mut found,
    );
    let written = catalogue::files();
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&written));
    for (name, text) in written {
        assert!(
            found[&name] == text,
            "events/{name} is stale: cargo run -p devstack --example events"
        );
    }
}

#[test]
fn every_function_has_two_and_their_workspace_is_the_local_stacks() {
    for function in [
        "sms-webhook",
        "voice-webhook",
        "status-callback",
        "provision-trigger",
        "outbound-send",
        "workspace-api",
        "clerk-webhook",
        "migrator",
        "webhook-fallback",
        "spool-replay",
        "reconciler",
    ] {
        assert!(
            catalogue::files()
                .keys()
                .filter(|name| name.starts_with(&format!("{function}/")))
                .count()
                >= 2,
            "{function}"
        );
    }
    assert_eq!(
        clerk_webhook::workspace_id(catalogue::ORGANIZATION).to_string(),
        catalogue::WORKSPACE
    );
    assert_eq!(catalogue::PROJECT, simulator::Config::default().project_id);
    assert_eq!(catalogue::PLATFORM_NUMBER, devstack::fixture::PLATFORM_NUMBER);
    assert_eq!(catalogue::APP_URL, devstack::fixture::APP_URL);
}

#[tokio::test]
async fn the_token_is_good_for_the_local_stacks_keys() {
    let issuer = Issuer::start().unwrap();
    let settings = Settings::of(&[
        ("AUTH_ISSUER", "http://127.0.0.1:8790"),
        ("AUTH_JWKS_URL", &issuer.jwks_url()),
    ]);
    let verifier = Verifier::from_settings(&settings).unwrap();
    let authorization = |name: &str| {
        let event: serde_json::Value = serde_json::from_str(&catalogue::files()[name]).unwrap();
        event["headers"]["authorization"].as_str().map(str::to_owned)
    };
    let caller = verifier
        .verify(authorization("outbound-send/sms.json").as_deref())
        .await
        .unwrap();
    assert_eq!(
        (
            caller.organization.as_str(),
            caller.may(common::domain::Scope::MessagesWrite)
        ),
        (catalogue::ORGANIZATION, true)
    );
    assert!(
        verifier
            .verify(authorization("outbound-send/changed-token.json").as_deref())
            .await
            .is_err()
    );
    assert_eq!(authorization("outbound-send/no-token.json"), None);
}

fn event(name: &str) -> Value {
    serde_json::from_str(&catalogue::files()[name]).expect("an event is JSON")
}

/// The names of a function's events, and what is expected of each.
fn expectations(function: &str) -> Vec<(String, Value)> {
    let all = event("expected.json");
    let all = all.as_object().expect("an object").clone();
    all.into_iter()
        .filter(|(name, _)| name.starts_with(&format!("{function}/")))
        .collect()
}

#[tokio::test]
async fn what_goes_out_is_answered_as_expected() {
    let mut fixture = Fixture::start().await;
    fixture.set("AUTH_ISSUER", "http://127.0.0.1:8790"); // the keys are the same everywhere
    let insert = "insert into workspaces (id, name, clerk_organization_id, subscription_tier) values ($1, 'Acme Plumbing', $2, 'professional')";
    let workspace: uuid::Uuid = catalogue::WORKSPACE.parse().unwrap();
    fixture
        .sql
        .execute(insert, &[&workspace, &catalogue::ORGANIZATION])
        .await
        .unwrap();
    fixture.number(workspace, "+14055550123", "primary").await;
    let app = outbound_send::App::start_with(fixture.settings()).await.unwrap();
    for (name, expected) in expectations("outbound-send") {
        for _ in 0..2 {
            let answer = app.handle(request(event(&name))).await;
            assert_eq!(
                answer.status().as_u16(),
                expected["statusCode"],
                "{name}: {}",
                text(&answer)
            );
        }
    }
    assert_eq!(fixture.count("conversation_messages").await, 7); // sms, mms and call twice, the one with a key once
}

#[tokio::test]
async fn what_the_pages_ask_is_answered_as_expected() {
    let mut fixture = Fixture::start().await;
    fixture.set("AUTH_ISSUER", "http://127.0.0.1:8790");
    let insert = "insert into workspaces (id, name, clerk_organization_id, subscription_tier) values ($1, 'Acme Plumbing', $2, 'professional')";
    let id: uuid::Uuid = catalogue::WORKSPACE.parse().unwrap();
    fixture
        .sql
        .execute(insert, &[&id, &catalogue::ORGANIZATION])
        .await
        .unwrap();
    let app = ::workspace_api::App::start_with(fixture.settings())
        .await
        .unwrap();
    for (name, expected) in expectations("workspace-api") {
        let answer = app.handle(request(event(&name))).await;
        assert_eq!(
            answer.status().as_u16(),
            expected["statusCode"],
            "{name}: {}",
            text(&answer)
        );
    }
}

#[tokio::test]
async fn what_is_provisioned_is_done_once_and_what_is_poison_is_parked() {
    let fixture = Fixture::start().await;
    let app = provision_trigger::App::start_with(fixture.settings())
        .await
        .unwrap();
    for round in 0..2 {
        for (name, expected) in expectations("provision-trigger") {
            let batch = serde_json::from_value(event(&name)).unwrap();
            let answer = serde_json::to_value(app.handle(batch).await).unwrap();
            assert_eq!(answer, expected, "{name}, round {round}");
        }
    }
    // one for the Pro workspace, the primary and the sales number of the Enterprise, none for the Starter
    assert_eq!(
        fixture
            .count("workspace_phone_numbers where status = 'active'")
            .await,
        3
    );
    assert_eq!(fixture.simulator.ledger().numbers.len(), 4); // and the platform number
    assert_eq!(fixture.count("parked_events").await, 3);
}

#[tokio::test]
async fn what_clerk_sends_is_answered_as_expected() {
    let mut fixture = Fixture::start().await;
    fixture.set("WEBHOOK_SIGNATURES", "off");
    // nothing listens there: what would be queued is a 503
    fixture.set(
        "PROVISIONING_QUEUE_URL",
        "http://127.0.0.1:9/000000000000/provisioning",
    );
    fixture.set("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let app = clerk_webhook::App::start_with(fixture.settings()).await.unwrap();
    for (name, expected) in expectations("clerk-webhook") {
        let answer = app.handle(request(event(&name))).await;
        let queued = expected["body"] == "{\"queued\":true}";
        let status = if queued {
            503.into()
        } else {
            expected["statusCode"].clone()
        };
        assert_eq!(answer.status().as_u16(), status, "{name}: {}", text(&answer));
    }
}

#[tokio::test]
async fn a_migrated_database_needs_nothing_more() {
    let fixture = Fixture::start().await;
    let migrator = migrator::Migrator::from_settings(&fixture.settings()).unwrap();
    for (name, expected) in expectations("migrator") {
        let answer = migrator.run().await.unwrap();
        assert_eq!(answer["applied"], expected["applied"], "{name}");
    }
}

#[tokio::test]
async fn what_takes_the_second_path_is_spooled_and_stored_once() {
    let aws = Aws::shared().await;
    let queue = aws.create_queue("events-spool").await.unwrap();
    let mut fixture = Fixture::start().await;
    for (name, value) in [
        ("SPOOL_QUEUE_URL", queue.as_str()),
        ("AWS_ENDPOINT_URL", &aws.endpoint_url()),
        ("AWS_REGION", "us-east-1"),
        ("APP_URL", catalogue::APP_URL),
    ] {
        fixture.set(name, value);
    }
    let workspace = fixture.workspace("Acme Plumbing", "professional", "org_1").await;
    fixture.number(workspace, catalogue::NUMBER, "primary").await;
    let fallback = webhook_fallback::App::start_with(fixture.settings())
        .await
        .unwrap();
    let replay = spool_replay::App::start_with(fixture.settings()).await.unwrap();
    for _ in 0..2 {
        for (name, expected) in expectations("webhook-fallback") {
            let answer = fallback.handle(request(event(&name))).await;
            assert_eq!(answer.status().as_u16(), expected["statusCode"], "{name}");
            if let Some(body) = expected["body"].as_str() {
                assert_eq!(text(&answer), body, "{name}");
            }
        }
        loop {
            let records = aws.receive(&queue).await.unwrap();
            if records.is_empty() {
                break;
            }
            for record in records {
                let batch = serde_json::from_value(sqs_event(&[("r", &record.body)])).unwrap();
                assert_eq!(
                    replay.handle(batch).await.batch_item_failures.len(),
                    0,
                    "{}",
                    record.body
                );
                aws.delete(&queue, &record.receipt).await.unwrap();
            }
        }
        for (name, expected) in expectations("spool-replay") {
            let batch = serde_json::from_value(event(&name)).unwrap();
            let answer = serde_json::to_value(replay.handle(batch).await).unwrap();
            assert_eq!(answer, expected, "{name}");
        }
        assert_eq!(fixture.count("conversation_messages").await, 3); // two texts and a call
        assert_eq!(fixture.count("parked_events").await, 2);
    }
}

#[tokio::test]
async fn what_the_schedule_sends_is_run() {
    let fixture = Fixture::start().await;
    let app = reconciler::App::start_with(fixture.settings()).await.unwrap();
    let runs = expectations("reconciler");
    for (name, expected) in &runs {
        for _ in 0..2 {
            let report = app.handle(&event(name)).await.unwrap();
            for (key, value) in expected.as_object().expect("an object") {
                assert_eq!(&report[key], value, "{name}: {report}");
            }
        }
    }
    assert_eq!(fixture.count("reconciler_runs").await, 2 * runs.len() as i64);
}
