//! Clerk webhooks against an emulated queue.
#![allow(clippy::unwrap_used, reason = "a test may stop where it is")]

use clerk_webhook::{App, workspace_id};
use common::config::Settings;
use devstack::fixture::{APP_URL, CLERK_SECRET, json, request};
use lambda_http::{Body, Response};
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use testkit::aws::Aws;

const ORGANIZATION: &str = r#"{"type":"organization.created","timestamp":1700000000000,"data":{"id":"org_1","name":"Acme","slug":"acme","public_metadata":{"plan":"pro"}}}"#;

struct Clerk {
    app: App,
    aws: &'static Aws,
    queue: String,
}

impl Clerk {
    async fn open(queue: &str) -> Self {
        let aws = Aws::shared().await;
        let queue = aws.create_queue(queue).await.unwrap();
        let app = App::start_with(settings(&queue, &aws.endpoint_url(), &[]))
            .await
            .unwrap();
        Self { app, aws, queue }
    }

    async fn queued(&self) -> Vec<Value> {
        let messages = self.aws.receive(&self.queue).await.unwrap();
        messages
            .iter()
            .map(|message| serde_json::from_str(&message.body).unwrap())
            .collect()
    }

    async fn post(&self, prefix: &str, id: &str, at: i64, signature: &str, body: &str) -> Response<Body> {
        let at = at.to_string();
        let names = [
            format!("{prefix}-id"),
            format!("{prefix}-timestamp"),
            format!("{prefix}-signature"),
        ];
        let headers = [
            ("content-type", "application/json"),
            (&names[0], id),
            (&names[1], &at),
            (&names[2], signature),
        ];
        let event =
            testkit::runtime_api::http_event("POST", "/api/webhooks/clerk", "", &headers, body.as_bytes());
        self.app.handle(request(event)).await
    }
}

fn settings(queue: &str, endpoint: &str, extra: &[(&str, &str)]) -> Settings {
    let mut pairs = vec![
        ("APP_URL", APP_URL),
        ("CLERK_WEBHOOK_SECRET", CLERK_SECRET),
        ("PROVISIONING_QUEUE_URL", queue),
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", "us-east-1"),
    ];
    pairs.extend_from_slice(extra);
    Settings::of(&pairs)
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn sign(id: &str, at: i64, body: &str) -> String {
    Webhook::new(CLERK_SECRET)
        .unwrap()
        .sign(id, at, body.as_bytes())
        .unwrap()
}

#[tokio::test]
async fn a_signed_event_is_queued_with_its_own_id() {
    let clerk = Clerk::open("clerk-good").await;
    for (at, prefix) in ["svix", "webhook"].into_iter().enumerate() {
        let id = format!("msg_{at}");
        let response = clerk
            .post(prefix, &id, now(), &sign(&id, now(), ORGANIZATION), ORGANIZATION)
            .await;
        assert_eq!(
            (response.status().as_u16(), json(&response)),
            (200, json!({ "queued": true }))
        );
        let events = clerk.queued().await;
        assert_eq!(events.len(), 1);
        assert_eq!(
            (&events[0]["id"], &events[0]["type"]),
            (&json!(id), &"workspace.created".into())
        );
        assert_eq!(events[0]["workspace"]["id"], workspace_id("org_1").to_string());
        assert_eq!(events[0]["workspace"]["subscriptionTier"], "professional");
        common::event::Event::read(&events[0].to_string()).unwrap();
        for message in clerk.aws.receive(&clerk.queue).await.unwrap() {
            clerk.aws.delete(&clerk.queue, &message.receipt).await.unwrap();
        }
    }
}

#[tokio::test]
async fn unsigned_old_and_changed_ones_are_refused() {
    let clerk = Clerk::open("clerk-bad").await;
    let good = sign("msg_1", now(), ORGANIZATION);
    let old = now() - 600;
    for (id, at, signature, body) in [
        ("msg_1", now(), "", ORGANIZATION),
        ("msg_1", now(), "v1,AAAA", ORGANIZATION),
        ("msg_2", now(), good.as_str(), ORGANIZATION),
        ("msg_1", now(), good.as_str(), "{}"),
        ("msg_1", old, &sign("msg_1", old, ORGANIZATION), ORGANIZATION),
        (
            "msg_1",
            now() + 600,
            &sign("msg_1", now() + 600, ORGANIZATION),
            ORGANIZATION,
        ),
    ] {
        let response = clerk.post("svix", id, at, signature, body).await;
        assert_eq!(response.status(), 401, "{signature}");
    }
    let large = "x".repeat(70_000);
    assert_eq!(
        clerk
            .post("svix", "m", now(), &sign("m", now(), &large), &large)
            .await
            .status(),
        413
    );
    for body in ["{", "{}", "[]", r#"{"type":"organization.created","data":{}}"#] {
        let response = clerk
            .post("svix", "m", now(), &sign("m", now(), body), body)
            .await;
        assert_eq!(
            (response.status().as_u16(), &json(&response)["code"]),
            (400, &"bad_request".into()),
            "{body}"
        );
    }
    assert_eq!(clerk.queued().await, Vec::<Value>::new());
    // several signatures: one good is enough
    let several = format!("v1,AAAA {good}");
    assert_eq!(
        clerk
            .post("svix", "msg_1", now(), &several, ORGANIZATION)
            .await
            .status(),
        200
    );
}

#[tokio::test]
async fn what_means_nothing_here_is_taken_and_dropped() {
    let clerk = Clerk::open("clerk-other").await;
    let body = r#"{"type":"session.created","data":{"id":"sess_1"}}"#;
    let response = clerk
        .post("svix", "m", now(), &sign("m", now(), body), body)
        .await;
    assert_eq!(
        (response.status().as_u16(), json(&response)),
        (200, json!({ "queued": false }))
    );
    assert_eq!(clerk.queued().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_queue_that_is_away_is_503() {
    let aws = Aws::shared().await;
    for (queue, endpoint) in [
        (
            format!("{}/000000000000/no-such-queue", aws.endpoint_url()),
            aws.endpoint_url(),
        ),
        (
            "http://127.0.0.1:9/0/q".to_owned(),
            "http://127.0.0.1:9".to_owned(),
        ),
    ] {
        let app = App::start_with(settings(&queue, &endpoint, &[])).await.unwrap();
        let clerk = Clerk { app, aws, queue };
        let response = clerk
            .post("svix", "m", now(), &sign("m", now(), ORGANIZATION), ORGANIZATION)
            .await;
        assert_eq!(
            (response.status().as_u16(), &json(&response)["code"]),
            (503, &"not_queued".into())
        );
    }
}

#[tokio::test]
async fn malformed_settings_stop_the_start() {
    for (name, value) in [
        ("CLERK_WEBHOOK_SECRET", "secret"),
        ("CLERK_WEBHOOK_SECRET", "whsec_"),
        ("PROVISIONING_QUEUE_URL", "queue"),
        ("WEBHOOK_SIGNATURES", "no"),
    ] {
        let error =
            App::start_with(settings("http://127.0.0.1:9/0/q", "http://127.0.0.1:9", &[]).with(name, value))
                .await
                .err()
                .unwrap();
        assert!(error.to_string().starts_with(name), "{error}");
    }
}
