//! One key, one send.

use crate::support::Desk;
use devstack::fixture::json;
use simulator::{Fault, Operation};

#[tokio::test]
async fn a_repeat_answers_the_same() {
    let desk = Desk::open(&[]).await;
    let first = desk.send(&desk.sms("Hi"), Some("k1")).await;
    let again = desk.send(&desk.sms("Hi"), Some("k1")).await;
    assert_eq!((first.status(), json(&first)), (again.status(), json(&again)));
    assert!(first.headers().get("idempotent-replayed").is_none());
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(desk.carried(), 1);
    let other = desk.send(&desk.sms("Hello"), Some("k1")).await;
    assert_eq!(
        (other.status().as_u16(), &json(&other)["code"]),
        (422, &"idempotency_mismatch".into())
    );
    let fresh = desk.send(&desk.sms("Hi"), Some("k2")).await;
    assert_ne!(json(&fresh)["id"], json(&first)["id"]);
    assert_eq!(
        (desk.carried(), desk.fixture.count("conversation_messages").await),
        (2, 2)
    );
}

#[tokio::test]
async fn twenty_at_once_send_one() {
    let desk = Desk::open(&[]).await;
    let body = desk.sms("Hi");
    let answers = futures_util::future::join_all((0..20).map(|_| desk.send(&body, Some("k1")))).await;
    let count = |status: u16| answers.iter().filter(|answer| answer.status() == status).count();
    assert_eq!(count(201) + count(409), 20);
    assert!(count(201) >= 1);
    for conflict in answers.iter().filter(|answer| answer.status() == 409) {
        assert_eq!(json(conflict)["code"], "idempotency_conflict");
    }
    assert_eq!(
        (desk.carried(), desk.fixture.count("conversation_messages").await),
        (1, 1)
    );
}

#[tokio::test]
async fn keys_count_per_workspace() {
    let desk = Desk::open(&[]).await;
    let second = desk.fixture.workspace("Beta", "professional", "org_2").await;
    desk.fixture.number(second, "+14055550789", "primary").await;
    assert_eq!(desk.send(&desk.sms("Hi"), Some("k1")).await.status(), 201);
    let mut body = desk.sms("Hi");
    body["workspaceId"] = second.to_string().into();
    let response = desk
        .send_as(Some(&desk.token("org_2", "admin")), &body.to_string(), Some("k1"))
        .await;
    assert_eq!(
        (
            response.status().as_u16(),
            response.headers().get("idempotent-replayed")
        ),
        (201, None)
    );
    assert_eq!(desk.carried(), 2);
}

#[tokio::test]
async fn refusals_are_replayed_but_waiting_frees_the_key() {
    let desk = Desk::open(&[]).await;
    let mut refused = desk.sms("Hi");
    refused["to"] = "+19075551211".into();
    let first = desk.send(&refused, Some("k1")).await;
    let again = desk.send(&refused, Some("k1")).await;
    assert_eq!((first.status().as_u16(), json(&again)), (502, json(&first)));
    assert_eq!(desk.fixture.count("conversation_messages").await, 1);
    desk.fixture.simulator.fail_next(
        Operation::SendMessage,
        Fault::RateLimited {
            retry_after_seconds: Some(3),
        },
    );
    let limited = desk.send(&desk.sms("Hi"), Some("k2")).await;
    assert_eq!(
        (limited.status().as_u16(), &limited.headers()["retry-after"]),
        (503, &"3".parse().unwrap())
    );
    assert_eq!(desk.send(&desk.sms("Hi"), Some("k2")).await.status(), 201);
    assert_eq!(desk.carried(), 1);
}

#[tokio::test]
async fn a_key_whose_holder_is_gone_is_unknown() {
    let desk = Desk::open(&[]).await;
    assert_eq!(desk.send(&desk.sms("Hi"), Some("k1")).await.status(), 201);
    let undo = "update idempotency_keys set answer = null, created_at = now() - interval '3 minutes'";
    desk.fixture.sql.execute(undo, &[]).await.unwrap();
    desk.fixture
        .sql
        .execute("update conversation_messages set external_id = null", &[])
        .await
        .unwrap();
    let response = desk.send(&desk.sms("Hi"), Some("k1")).await;
    assert_eq!(
        (response.status().as_u16(), &json(&response)["status"]),
        (202, &"unknown".into())
    );
    assert_eq!(desk.carried(), 1);
    assert_eq!(
        desk.fixture.row("conversation_messages").await["status"],
        "unknown"
    );
}
