//! How it gets there: signed, in order, again after a failure, past those that never answer.

use crate::desk::*;
use crate::hook::{Hook, SECRET};
use reconciler::App;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use testkit::aws::Aws;
use uuid::Uuid;

#[tokio::test]
async fn delivered_in_order_and_signed() {
    let desk = Desk::open(&[]).await;
    let hook = Hook::start(|_| 204).await;
    let endpoint = desk.endpoint(desk.workspace, &hook.url()).await;
    desk.sql("update webhook_endpoints set previous_secret = 'whsec_b2xkZXIgc2VjcmV0IG9mIHRoZSBlbmRwb2ludA==', previous_secret_until = now() + interval '1 hour'")
        .await;
    for count in 0..25 {
        desk.received(&format!("SM{count}"), &format!("Message {count}"))
            .await;
    }
    let report = desk.run().await;
    assert_eq!(report["counts"], json!({ "events_delivered": 25 }), "{report}");
    let received = hook.received();
    let bodies: Vec<String> = received
        .iter()
        .map(|request| request.json()["data"]["body"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<String> = (0..25).map(|count| format!("Message {count}")).collect();
    assert_eq!(bodies, expected);
    for request in &received {
        for secret in [SECRET, "whsec_b2xkZXIgc2VjcmV0IG9mIHRoZSBlbmRwb2ludA=="] {
            let key = Webhook::new(secret).unwrap();
            key.verify(request.body.as_bytes(), &request.headers).unwrap();
        }
        assert_eq!(
            request.headers["webhook-id"],
            request.json()["id"].as_str().unwrap()
        );
    }
    assert_eq!(desk.fixture.count("event_attempts where status = 204").await, 25);
    let runs = desk.fixture.count("reconciler_runs").await;
    let again = desk.run().await;
    assert_eq!(again["counts"], json!({}), "{again}");
    assert_eq!(hook.received().len(), 25);
    assert_eq!(
        desk.fixture.count("reconciler_runs").await,
        runs,
        "nothing to say"
    );
    // a replay is the same event again
    desk.sql(&format!(
        "update event_deliveries set state = 'pending' where event_id = (select min(id::text)::uuid from events) and endpoint_id = '{endpoint}'"
    ))
    .await;
    desk.run().await;
    let received = hook.received();
    assert_eq!(
        received[25].headers["webhook-id"],
        received[0].headers["webhook-id"]
    );
}

#[tokio::test]
async fn an_endpoint_that_fails_keeps_its_order_and_comes_again() {
    let desk = Desk::open(&[]).await;
    let hook = Hook::start(|count| if count == 0 { 503 } else { 200 }).await;
    desk.endpoint(desk.workspace, &hook.url()).await;
    desk.received("SM1", "First").await;
    desk.received("SM2", "Second").await;
    let report = desk.run().await;
    assert_eq!(
        report["counts"],
        json!({ "event_attempts_failed": 1 }),
        "{report}"
    );
    let endpoint = desk.fixture.row("webhook_endpoints").await;
    assert_eq!(
        (&endpoint["failures"], &endpoint["lease"]),
        (&json!(1), &Value::Null)
    );
    let waits = "select extract(epoch from next_attempt_at - now())::int8 from webhook_endpoints";
    let waits: i64 = desk.fixture.sql.query_one(waits, &[]).await.unwrap().get(0);
    assert!((1..=75).contains(&waits), "a minute at first: {waits} s");
    desk.run().await;
    assert_eq!(hook.received().len(), 1, "it is left alone for a while");
    desk.sql(
        "update webhook_endpoints set next_attempt_at = now(); update event_deliveries set next_attempt_at = now()",
    )
    .await;
    desk.run().await;
    let bodies: Vec<Value> = hook
        .received()
        .iter()
        .map(|r| r.json()["data"]["body"].clone())
        .collect();
    assert_eq!(bodies, ["First", "First", "Second"]);
    let endpoint = desk.fixture.row("webhook_endpoints").await;
    assert_eq!(
        (&endpoint["failures"], &endpoint["failing_since"]),
        (&json!(0), &Value::Null)
    );
}

#[tokio::test]
async fn an_event_that_is_refused_as_such_lets_the_next_pass() {
    let desk = Desk::open(&[]).await;
    let hook = Hook::start(|count| if count == 0 { 422 } else { 200 }).await;
    desk.endpoint(desk.workspace, &hook.url()).await;
    desk.received("SM1", "Poison").await;
    desk.received("SM2", "Good").await;
    desk.run().await;
    assert_eq!(hook.received().len(), 2);
    assert_eq!(
        desk.fixture.row("event_deliveries where state = 'pending'").await["last_status"],
        422
    );
    desk.sql("update event_deliveries set attempts = 9, next_attempt_at = now() where state = 'pending'")
        .await;
    let stubborn = Hook::start(|_| 422).await;
    desk.sql(&format!(
        "update webhook_endpoints set url = '{}'",
        stubborn.url()
    ))
    .await;
    desk.run().await;
    assert_eq!(
        desk.fixture
            .count("event_deliveries where state = 'failed'")
            .await,
        1
    );
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_switched_off() {
    let desk = Desk::open(&[]).await;
    let hook = Hook::start(|_| 410).await;
    desk.endpoint(desk.workspace, &hook.url()).await;
    desk.received("SM1", "One").await;
    desk.received("SM2", "Two").await;
    desk.run().await;
    assert_eq!(hook.received().len(), 1);
    let endpoint = desk.fixture.row("webhook_endpoints").await;
    assert_eq!(endpoint["is_active"], false);
    assert_eq!(endpoint["disabled_reason"], "the endpoint answered 410 Gone");
    desk.received("SM3", "Three").await;
    desk.run().await;
    assert_eq!(hook.received().len(), 1);
    assert_eq!(desk.fixture.count("events").await, 3);
}

#[tokio::test]
async fn one_that_never_answers_keeps_nobody_else_waiting() {
    let desk = Desk::open(&[]).await;
    let other = desk.fixture.workspace("Beta", "starter", "org_2").await;
    let silent = Hook::silent().await;
    for _ in 0..3 {
        desk.endpoint(desk.workspace, &silent.url()).await;
    }
    let hook = Hook::start(|_| 200).await;
    desk.endpoint(other, &hook.url()).await;
    for count in 0..30 {
        desk.sql(&format!(
            "select emit_event('{other}', 'message.received', null, '{{}}'); select emit_event('{}', 'message.received', null, '{{\"n\": {count}}}')",
            desk.workspace
        ))
        .await;
    }
    let event = minute();
    let run = desk.app.handle(&event);
    let served = async {
        while hook.received().len() < 30 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    // the silent ones are still being waited for when the other has everything
    tokio::select! {
        biased;
        report = run => panic!("the run ended first: {report:?}"),
        () = served => {}
    }
    assert_eq!(silent.connections(), 3);
}

#[tokio::test]
async fn runs_side_by_side_share_the_work() {
    let desk = Desk::open(&[]).await;
    let hooks = [
        Hook::start(|_| 200).await,
        Hook::start(|_| 200).await,
        Hook::start(|_| 200).await,
    ];
    for hook in &hooks {
        desk.endpoint(desk.workspace, &hook.url()).await;
    }
    for count in 0..20 {
        desk.received(&format!("SM{count}"), "Hello").await;
    }
    let second = App::start_with(desk.fixture.settings()).await.unwrap();
    let event = minute();
    let (one, two) = tokio::join!(desk.app.handle(&event), second.handle(&event));
    one.unwrap();
    two.unwrap();
    for hook in &hooks {
        let ids: Vec<String> = hook
            .received()
            .iter()
            .map(|r| r.json()["id"].as_str().unwrap().to_owned())
            .collect();
        let mut sorted = ids.clone();
        sorted.sort();
        assert_eq!((ids.len(), &ids), (20, &sorted));
    }
}

#[tokio::test]
async fn what_leads_inside_is_refused_outside_local_runs() {
    let desk = Desk::open(&[("APP_URL", "https://ringspace.example")]).await;
    let hook = Hook::start(|_| 200).await;
    let insecure = desk.endpoint(desk.workspace, &hook.url()).await;
    let inside = desk
        .endpoint(desk.workspace, &hook.url().replace("http:", "https:"))
        .await;
    let named = desk
        .endpoint(
            desk.workspace,
            "https://metadata.google.internal/computeMetadata/v1/",
        )
        .await;
    desk.received("SM1", "Hello").await;
    desk.run().await;
    assert_eq!((hook.received().len(), hook.connections()), (0, 0));
    for (endpoint, why) in [
        (insecure, "the URL has to begin with https://"),
        (inside, "the URL leads to a private or reserved address"),
        (named, "the URL leads to a private or reserved address"),
    ] {
        let attempt = desk
            .fixture
            .row(&format!("event_attempts where endpoint_id = '{endpoint}'"))
            .await;
        assert_eq!(
            (&attempt["error"], &attempt["status"]),
            (&json!(why), &Value::Null)
        );
    }
    // the same on a machine of one's own
    let local = Desk::open(&[]).await;
    local.endpoint(local.workspace, &hook.url()).await;
    local.received("SM1", "Hello").await;
    local.run().await;
    assert_eq!(hook.received().len(), 1);
}

#[tokio::test]
async fn to_the_bus_and_again_after_it_was_away() {
    let aws = Aws::shared().await;
    let bus = format!("ringspace-{}", Uuid::now_v7());
    let queue = aws.create_queue(&bus).await.unwrap();
    let events = |target: &str| format!("AWSEvents.{target}");
    aws.create_event_bus(&bus).await.unwrap();
    aws.call(
        "events",
        &events("PutRule"),
        json!({ "Name": bus, "EventBusName": bus, "EventPattern": "{\"source\": [\"ringspace\"]}" }),
    )
    .await
    .unwrap();
    let arn = format!("arn:aws:sqs:us-east-1:123456789012:{bus}");
    aws.call(
        "events",
        &events("PutTargets"),
        json!({ "Rule": bus, "EventBusName": bus, "Targets": [{ "Id": "1", "Arn": arn }] }),
    )
    .await
    .unwrap();

    let endpoint = aws.endpoint_url();
    let mut desk = Desk::open(&[("EVENT_BUS_NAME", &bus), ("AWS_ENDPOINT_URL", &endpoint)]).await;
    // what happened before anybody knew of the bus is told as well
    desk.received("SM1", "Hello").await;
    desk.run().await;
    desk.fixture.set("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let cut_off = App::start_with(desk.fixture.settings()).await.unwrap();
    for count in 2..14 {
        desk.received(&format!("SM{count}"), "Hello").await;
    }
    let report = cut_off.handle(&minute()).await.unwrap();
    assert_eq!(report["complete"], false, "{report}");
    assert!(
        report["problems"][0].as_str().unwrap().starts_with("bus: "),
        "{report}"
    );
    assert_eq!(
        desk.fixture
            .count("events where bus_sent_at is null and bus_error is not null")
            .await,
        10
    );
    desk.sql("update events set bus_due_at = now() where bus_due_at is not null")
        .await;
    let report = desk.run().await;
    assert_eq!(report["counts"]["events_on_bus"], 12, "{report}");
    assert_eq!(desk.run().await["counts"], json!({}));
    assert_eq!(desk.fixture.count("events where bus_sent_at is null").await, 0);

    let mut details = Vec::new();
    loop {
        let messages = aws.receive(&queue).await.unwrap();
        if messages.is_empty() {
            break;
        }
        for message in messages {
            let event: Value = serde_json::from_str(&message.body).unwrap();
            assert_eq!(
                (&event["detail-type"], &event["source"]),
                (&json!("message.received"), &json!("ringspace"))
            );
            details.push(event["detail"]["data"]["sid"].as_str().unwrap().to_owned());
            aws.delete(&queue, &message.receipt).await.unwrap();
        }
    }
    details.sort();
    let mut expected: Vec<String> = (1..14).map(|count| format!("SM{count}")).collect();
    expected.sort();
    assert_eq!(details, expected);
    // without a bus nothing is kept for one
    desk.fixture.set("EVENT_BUS_NAME", "");
    let without = App::start_with(desk.fixture.settings()).await.unwrap();
    without.handle(&minute()).await.unwrap();
    desk.received("SM99", "Hello").await;
    assert_eq!(desk.fixture.count("events where bus_due_at is not null").await, 0);
}
