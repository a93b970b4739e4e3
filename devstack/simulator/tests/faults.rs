//! Faults to order, and the control API.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::time::Duration;

use serde_json::json;
use simulator::{Fault, Operation, When};
use support::{CUSTOMER, OURS, Receiver, call, find, get, post, start, try_post};

#[tokio::test]
async fn a_fault_before_the_effect_leaves_nothing_and_one_after_leaves_a_number() {
    let sim = start().await;
    let number = find(&sim, "405").await;
    let form = [("PhoneNumber", number.as_str())];
    for fault in [
        Fault::status(503),
        Fault::RateLimited {
            retry_after_seconds: Some(2),
        },
        Fault::Unauthorized,
        Fault::Html,
    ] {
        sim.fail_next(Operation::Purchase, fault);
        post(&sim, "IncomingPhoneNumbers", &form).await;
        assert!(sim.number(&number).is_none());
    }
    let requests = sim.ledger();
    let statuses: Vec<Option<u16>> = requests
        .requests_of(Operation::Purchase)
        .iter()
        .map(|r| r.status)
        .collect();
    assert_eq!(statuses, [Some(503), Some(429), Some(401), Some(200)]);
    sim.fail_next(Operation::Purchase, Fault::Close { when: When::Before });
    assert!(try_post(&sim, "IncomingPhoneNumbers", &form).await.is_none());
    assert!(sim.number(&number).is_none());
    sim.fail_next(Operation::Purchase, Fault::Close { when: When::After });
    assert!(try_post(&sim, "IncomingPhoneNumbers", &form).await.is_none());
    assert!(sim.number(&number).is_some());
    assert_eq!(sim.ledger().requests.last().unwrap().status, None);

    let number = find(&sim, "405").await;
    sim.fail_next(Operation::Purchase, Fault::status_after(500));
    assert_eq!(
        post(&sim, "IncomingPhoneNumbers", &[("PhoneNumber", &number)])
            .await
            .status,
        500
    );
    assert!(sim.number(&number).is_some());
}

#[tokio::test]
async fn bent_answers() {
    let sim = start().await;
    sim.fail_next(Operation::ListNumbers, Fault::TruncatedJson);
    let reply = get(&sim, "IncomingPhoneNumbers").await;
    assert_eq!(
        (reply.status, reply.json.is_null(), reply.text.is_empty()),
        (200, true, false)
    );
    sim.fail_next(Operation::Any, Fault::HugeBody);
    assert!(get(&sim, "IncomingPhoneNumbers").await.text.len() > 50_000_000);
    sim.fail_next(
        Operation::Account,
        Fault::RateLimited {
            retry_after_seconds: Some(7),
        },
    );
    let base = format!("/api/laml/2010-04-01/Accounts/{}", sim.config().project_id);
    assert_eq!(get(&sim, &base).await.headers["retry-after"], "7");
    sim.fail_next(Operation::SendMessage, Fault::Hang { when: When::After });
    let form = [("To", CUSTOMER), ("From", OURS), ("Body", "x")];
    let hung = tokio::time::timeout(Duration::from_millis(100), try_post(&sim, "Messages", &form)).await;
    assert!(hung.is_err());
    assert_eq!(sim.ledger().messages.len(), 1);
    sim.fail_always(Operation::SendMessage, Fault::code(400, 21610, "blocked"));
    assert_eq!(post(&sim, "Messages", &form).await.json["code"], 21610);
    assert_eq!(post(&sim, "Messages", &form).await.json["code"], 21610);
    sim.clear_faults();
    assert_eq!(post(&sim, "Messages", &form).await.status, 201);
}

#[tokio::test]
async fn a_person_with_curl_can_play() {
    let sim = start().await;
    let receiver = Receiver::start().await;
    sim.configure_number(
        OURS,
        &[
            ("SmsUrl", &receiver.at("/sms")),
            ("VoiceUrl", &receiver.at("/voice")),
        ],
    );
    let control = async |method: &str, path: &str, body: serde_json::Value| {
        call(&sim, method, &format!("/_sim/{path}"), None, "", body.to_string())
            .await
            .unwrap()
    };
    let sms = control(
        "POST",
        "inbound/sms",
        json!({ "from": CUSTOMER, "to": OURS, "body": "hi" }),
    )
    .await;
    assert_eq!(sms.json["exchanges"][0]["status"], 200);
    receiver.cxml("/voice", &format!("<Dial>{CUSTOMER}</Dial>"));
    let script = json!({ "from": CUSTOMER, "to": OURS, "dial": { "outcome": "answered", "seconds": 4 } });
    let voice = control("POST", "inbound/call", script).await;
    assert_eq!(voice.json["legs"][0]["status"], "completed");
    let fault = json!({ "operation": "send_message", "fault": { "kind": "close", "when": "after" } });
    assert_eq!(control("POST", "faults", fault).await.status, 204);
    assert!(
        try_post(
            &sim,
            "Messages",
            &[("To", CUSTOMER), ("From", OURS), ("Body", "x")]
        )
        .await
        .is_none()
    );
    let before = sim.now();
    assert_eq!(
        control("POST", "advance", json!({ "days": 15 })).await.status,
        200
    );
    assert!(sim.now().duration_since(before).as_hours() >= 15 * 24);
    assert_eq!(
        control("GET", "ledger", json!(null)).await.json["messages"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(control("POST", "inbound/sms", json!({})).await.status, 400);
    assert_eq!(control("GET", "nothing", json!(null)).await.status, 404);
}

#[tokio::test]
async fn shutdown_stops_listening() {
    let sim = start().await;
    sim.shutdown().await;
    let address = sim.base_url().trim_start_matches("http://").to_owned();
    for _ in 0..100 {
        if tokio::net::TcpStream::connect(&address).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("still listening");
}
