//! The queues: a hostile record is parked alone, with its reason; the friendly ones beside it are done.

use crate::programs;
use attacks::hostile;
use faults::lab::{Lab, Way, invoke_batch};
use serde_json::{Value, json};
use testkit::runtime_api::{Function, sqs_event};
use uuid::Uuid;

async fn besiege(function: &Function, records: Vec<(String, String)>) {
    for batch in records.chunks(10) {
        let ids: Vec<String> = (0..batch.len())
            .map(|at| format!("r{at}-{}", Uuid::new_v4()))
            .collect();
        let messages: Vec<(&str, &str)> = ids
            .iter()
            .zip(batch)
            .map(|(id, (_, body))| (id.as_str(), body.as_str()))
            .collect();
        let failed = invoke_batch(function, sqs_event(&messages)).await.unwrap();
        let kept: Vec<&str> = ids
            .iter()
            .zip(batch)
            .filter(|(id, _)| failed.contains(id))
            .map(|(_, (what, _))| what.as_str())
            .collect();
        assert!(kept.is_empty(), "these come again and again: {kept:?}");
    }
    assert_eq!(function.exit_status(), None);
    let logs = function.logs();
    assert!(
        !logs.contains("\"Panic\"") && !logs.contains("panicked"),
        "{logs}"
    );
}

/// A document with each member, at each path, replaced by each hostile value.
fn matrix(friendly: &Value, paths: &[&[&str]]) -> Vec<(String, String)> {
    let mut records = Vec::new();
    for path in paths {
        for (what, value) in hostile::members() {
            let mut changed = friendly.clone();
            let mut at = &mut changed;
            for name in *path {
                at = &mut at[*name];
            }
            *at = value;
            records.push((format!("{}: {what}", path.join(".")), changed.to_string()));
        }
    }
    for (what, body) in hostile::documents() {
        if let Ok(text) = String::from_utf8(body) {
            records.push((what.to_owned(), text));
        }
    }
    records
}

#[tokio::test]
async fn provisioning_events_with_anything_in_any_field() {
    let lab = Lab::open(programs()).await.unwrap();
    let function = lab.start("provision-trigger", Way::Direct).await.unwrap();
    let starter = json!({ "id": "e1", "type": "workspace.created", "areaCode": "405", "numberType": "sales", "friendlyName": "Line",
        "occurredAt": "2026-01-01T00:00:00Z", "workspace": { "id": lab.workspace, "name": "Acme", "slug": "acme-x",
        "clerkOrganizationId": "org_hostile", "subscriptionTier": "starter" } });
    let records = matrix(
        &starter,
        &[
            &["id"],
            &["type"],
            &["areaCode"],
            &["numberType"],
            &["friendlyName"],
            &["occurredAt"],
            &["workspace"],
            &["workspace", "id"],
            &["workspace", "name"],
            &["workspace", "slug"],
            &["workspace", "clerkOrganizationId"],
            &["workspace", "subscriptionTier"],
            &["phoneNumberId"],
            &["orderId"],
            &["detail-type"],
        ],
    );
    besiege(&function, records).await;
    assert!(
        lab.fixture
            .simulator
            .numbers()
            .iter()
            .all(|number| number.phone_number == faults::lab::NUMBER
                || number.phone_number == devstack::fixture::PLATFORM_NUMBER),
        "nothing was bought"
    );
}

#[tokio::test]
async fn spooled_webhooks_with_anything_in_any_field() {
    let lab = Lab::open(programs()).await.unwrap();
    let function = lab.start("spool-replay", Way::Direct).await.unwrap();
    let spooled = json!({ "path": faults::lab::SMS, "query": "", "contentType": "application/x-www-form-urlencoded",
        "body": "TWVzc2FnZVNpZD1TTTE=", "receivedAt": "2026-01-01T00:00:00Z" });
    let mut records = matrix(
        &spooled,
        &[
            &["path"],
            &["query"],
            &["contentType"],
            &["body"],
            &["receivedAt"],
        ],
    );
    // what the gate let in, every value in every field of it, comes by the spool too
    for path in [faults::lab::SMS, faults::lab::VOICE, faults::lab::STATUS] {
        for field in [
            "MessageSid",
            "CallSid",
            "From",
            "To",
            "Body",
            "MessageStatus",
            "CallStatus",
            "MediaUrl0",
        ] {
            for (what, value) in hostile::values() {
                let friendly = [
                    ("MessageSid", "SM77"),
                    ("CallSid", "CA77"),
                    ("From", "+14155551234"),
                    ("To", faults::lab::NUMBER),
                    ("NumMedia", "1"),
                ];
                let body = attacks::sign::form(&crate::with(&friendly, field, &value));
                let record = json!({ "path": path, "query": "", "contentType": "application/x-www-form-urlencoded",
                    "body": base64(&body), "receivedAt": "2026-01-01T00:00:00Z" });
                records.push((format!("{path} {field}: {what}"), record.to_string()));
            }
        }
    }
    besiege(&function, records).await;
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
