//! The lines that operators search for, to the letter (P9, I2 and the guide's troubleshooting).

use crate::world::{World, event, lines_saying, log_of};
use serde_json::{Value, json};
use simulator::{Fault, Operation};
use testkit::runtime_api::sqs_event;
use uuid::Uuid;

fn created(workspace: Uuid, name: &str) -> Value {
    let body = json!({
        "id": format!("logs-{name}"), "type": "workspace.created",
        "workspace": { "id": workspace, "name": name, "subscriptionTier": "professional" },
    });
    sqs_event(&[("record-1", &body.to_string())])
}

#[tokio::test]
async fn a_number_that_is_bought_and_one_that_is_not() {
    let world = World::open().await;
    let function = world.start("provision-trigger").await;
    let (lucky, unlucky) = (Uuid::now_v7(), Uuid::now_v7());
    function.invoke(created(lucky, "Lucky")).await.unwrap();
    world
        .stack
        .simulator()
        .fail_next(Operation::Search, Fault::status(503));
    function.invoke(created(unlucky, "Unlucky")).await.unwrap();

    let log = log_of(&function);
    let bought = lines_saying(&log, "Phone number provisioned for workspace");
    let [bought] = bought.as_slice() else {
        panic!("one line is expected: {log:?}");
    };
    assert_eq!(
        (&bought["level"], &bought["workspace.id"]),
        (&"INFO".into(), &json!(lucky))
    );
    let masked = bought["phone_number"].as_str().unwrap();
    assert!(masked.contains('*'), "{masked}");
    let failed = lines_saying(&log, "Failed to provision phone number");
    let [failed] = failed.as_slice() else {
        panic!("one line is expected: {log:?}");
    };
    assert_eq!(
        (&failed["level"], &failed["workspace.id"]),
        (&"WARN".into(), &json!(unlucky))
    );
    assert!(
        failed["reason"].is_string() && failed["order.id"].is_string(),
        "{failed}"
    );

    // refused credentials: nothing that waiting cures, so a person is called
    world.stack.simulator().rotate_token("PT-another");
    let third = Uuid::now_v7();
    function.invoke(created(third, "Third")).await.unwrap();
    let log = log_of(&function);
    let failed = lines_saying(&log, "Failed to provision phone number");
    let last = failed.last().unwrap();
    assert_eq!(
        (&last["level"], &last["workspace.id"]),
        (&"ERROR".into(), &json!(third))
    );
}

#[tokio::test]
async fn a_number_without_a_workspace() {
    let world = World::open().await;
    for (function, name) in [
        ("sms-webhook", "sms-webhook/unknown-number.json"),
        ("voice-webhook", "voice-webhook/unknown-number.json"),
    ] {
        let started = world.start(function).await;
        started.invoke(event(name)).await.unwrap();
        let log = log_of(&started);
        let lines = lines_saying(&log, "SignalWire webhook: No workspace found for phone number");
        let [line] = lines.as_slice() else {
            panic!("{function}: one line is expected: {log:?}");
        };
        assert_eq!(line["level"], "WARN", "{line}");
        assert!(
            line["timestamp"].is_string() && line["target"].is_string(),
            "{line}"
        );
    }
}
