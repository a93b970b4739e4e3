//! The emulator of the AWS services.

use serde_json::{Value, json};
use testkit::aws::Aws;

#[tokio::test]
async fn a_message_is_sent_received_and_deleted() {
    let aws = Aws::shared().await;
    let queue = aws.create_queue("one-message").await.unwrap();
    assert!(queue.starts_with(&aws.endpoint_url()));
    let id = aws.send(&queue, "{\"a\":\"ä\"}").await.unwrap();
    let received = aws.receive(&queue).await.unwrap();
    assert_eq!(
        (received.len(), &received[0].id, received[0].body.as_str()),
        (1, &id, "{\"a\":\"ä\"}")
    );
    assert!(
        aws.receive(&queue).await.unwrap().is_empty(),
        "hidden while somebody works on it"
    );
    aws.delete(&queue, &received[0].receipt).await.unwrap();
}

#[tokio::test]
async fn a_secret_has_its_newest_value() {
    let aws = Aws::shared().await;
    aws.create_secret("app", &json!({ "TOKEN": "1" })).await.unwrap();
    aws.put_secret("app", &json!({ "TOKEN": "2" })).await.unwrap();
    let answer = aws
        .call(
            "secretsmanager",
            "secretsmanager.GetSecretValue",
            json!({ "SecretId": "app" }),
        )
        .await
        .unwrap();
    let value: Value = serde_json::from_str(answer["SecretString"].as_str().unwrap()).unwrap();
    assert_eq!(value, json!({ "TOKEN": "2" }));
}

#[tokio::test]
async fn events_and_errors_are_answered() {
    let aws = Aws::shared().await;
    aws.create_event_bus("bus").await.unwrap();
    let entry = json!({ "EventBusName": "bus", "Source": "s", "DetailType": "t", "Detail": "{}" });
    let answer = aws
        .call("events", "AWSEvents.PutEvents", json!({ "Entries": [entry] }))
        .await
        .unwrap();
    assert_eq!(answer["FailedEntryCount"], 0);
    let error = aws
        .send(&format!("{}/123456789012/absent", aws.endpoint_url()), "x")
        .await
        .unwrap_err();
    assert!(error.to_string().contains("NonExistentQueue") || error.to_string().contains("does not exist"));
}

#[tokio::test]
async fn a_closed_emulator_is_gone() {
    let aws = Aws::start().await.unwrap();
    let port = aws.port();
    aws.close().await.unwrap();
    assert!(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err());
}
