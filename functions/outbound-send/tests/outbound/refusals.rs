//! What is refused, before the carrier hears of it, and how the carrier's own refusals come out.

use crate::support::{CUSTOMER, Desk, NUMBER};
use common::caller::SecretKey;
use devstack::fixture::json;
use serde_json::json;
use simulator::{Fault, Operation, When};
use testkit::identity::Claims;

#[tokio::test]
async fn who_may_not() {
    let desk = Desk::open(&[]).await;
    let body = desk.sms("Hi").to_string();
    let code = async |token: Option<&str>| {
        let response = desk.send_as(token, &body, None).await;
        (
            response.status().as_u16(),
            json(&response)["code"].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(code(None).await, (401, "unauthorized".into()));
    assert_eq!(code(Some("nonsense")).await, (401, "unauthorized".into()));
    for (kind, token) in desk
        .fixture
        .issuer
        .forged(&Claims::of("user_1").organization("org_1", "admin", "acme"))
    {
        assert_eq!(code(Some(&token)).await, (401, "unauthorized".into()), "{kind}");
    }
    assert_eq!(
        code(Some(&desk.token("org_1", "viewer"))).await,
        (403, "forbidden".into())
    );
    // another's workspace answers exactly like one that does not exist
    let foreign = desk
        .send_as(Some(&desk.token("org_2", "admin")), &body, None)
        .await;
    let missing =
        json!({ "channel": "sms", "to": CUSTOMER, "body": "Hi", "workspaceId": uuid::Uuid::now_v7() });
    let missing = desk.send(&missing, None).await;
    assert_eq!((foreign.status().as_u16(), json(&foreign)), (404, json(&missing)));
    assert_eq!(json(&foreign)["code"], "unknown_workspace");
    assert_eq!(desk.carried(), 0);
    assert_eq!(desk.fixture.count("conversation_messages").await, 0);
    assert_eq!(
        desk.send_as(Some(&desk.token("org_1", "org:admin")), &body, None)
            .await
            .status(),
        201
    );
}

#[tokio::test]
async fn api_keys_open_their_own_workspace_for_their_scopes() {
    let desk = Desk::open(&[]).await;
    let other = desk.fixture.workspace("Other", "professional", "org_2").await;
    let body = desk.sms("Hi").to_string();
    let mut foreign = desk.sms("Hi");
    foreign["workspaceId"] = json!(other);
    let mut missing = desk.sms("Hi");
    missing["workspaceId"] = json!(uuid::Uuid::now_v7());
    let sender = desk.api_key(Some(desk.workspace), "messages:write").await;
    let reader = desk.api_key(Some(desk.workspace), "numbers:read").await;
    let operator = desk.api_key(None, "messages:write").await;
    let stranger = SecretKey::random().unwrap();
    let ask = async |key: &SecretKey, body: &str| {
        let response = desk.send_as(Some(key.expose()), body, None).await;
        let code = json(&response)["code"].as_str().unwrap_or("sent").to_owned();
        (response.status().as_u16(), code)
    };
    assert_eq!(ask(&stranger, &body).await, (401, "unauthorized".into()));
    assert_eq!(ask(&reader, &body).await, (403, "forbidden".into()));
    assert_eq!(
        ask(&reader, &foreign.to_string()).await,
        (403, "forbidden".into())
    );
    assert_eq!(
        ask(&sender, &foreign.to_string()).await,
        (404, "unknown_workspace".into())
    );
    assert_eq!(
        ask(&sender, &missing.to_string()).await,
        (404, "unknown_workspace".into())
    );
    assert_eq!(
        ask(&operator, &missing.to_string()).await,
        (404, "unknown_workspace".into())
    );
    assert_eq!(desk.carried(), 0);
    assert_eq!(ask(&sender, &body).await, (201, "sent".into()));
    assert_eq!(ask(&operator, &body).await, (201, "sent".into()));
    let used = "api_keys where last_used_at is not null";
    assert_eq!(desk.fixture.count(used).await, 3);
    desk.fixture
        .sql
        .execute("update api_keys set revoked_at = now()", &[])
        .await
        .unwrap();
    assert_eq!(ask(&sender, &body).await, (401, "unauthorized".into()));
    assert_eq!(ask(&operator, &body).await, (401, "unauthorized".into()));
    assert_eq!(desk.carried(), 2);
}

#[tokio::test]
async fn audience_is_checked_where_it_is_set() {
    let desk = Desk::open(&[("AUTH_AUDIENCE", "ringspace")]).await;
    let body = desk.sms("Hi").to_string();
    let claims = || Claims::of("user_1").organization("org_1", "admin", "acme");
    let wrong = desk.fixture.issuer.token(&claims().audience("another"));
    assert_eq!(desk.send_as(Some(&wrong), &body, None).await.status(), 401);
    let none = desk.fixture.issuer.token(&claims());
    assert_eq!(desk.send_as(Some(&none), &body, None).await.status(), 401);
    let right = desk.fixture.issuer.token(&claims().audience("ringspace"));
    assert_eq!(desk.send_as(Some(&right), &body, None).await.status(), 201);
}

#[tokio::test]
async fn invented_key_ids_cost_one_fetch() {
    let desk = Desk::open(&[]).await;
    let body = desk.sms("Hi").to_string();
    assert_eq!(
        desk.send_as(Some(&desk.token("org_1", "admin")), &body, None)
            .await
            .status(),
        201
    );
    let fetched = desk.fixture.issuer.jwks_requests();
    for _ in 0..5 {
        for (_, token) in desk
            .fixture
            .issuer
            .forged(&Claims::of("user_1").organization("org_1", "admin", "acme"))
        {
            desk.send_as(Some(&token), &body, None).await;
        }
    }
    assert_eq!(desk.fixture.issuer.jwks_requests(), fetched + 1);
}

#[tokio::test]
async fn bodies_that_cannot_be_sent_cost_nothing() {
    let desk = Desk::open(&[]).await;
    for (change, status, code) in [
        (json!({ "to": "nobody" }), 422, "invalid_number"),
        (json!({ "to": "+442079460958" }), 422, "country_not_allowed"),
        (json!({ "to": "+19005551234" }), 422, "destination_blocked"),
        (json!({ "body": "" }), 422, "empty_body"),
        (json!({ "body": "x".repeat(1601) }), 422, "body_too_long"),
        (json!({ "channel": "pigeon" }), 400, "bad_request"),
        (json!({ "surprise": 1 }), 400, "bad_request"),
    ] {
        let mut request = desk.sms("Hi");
        request
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let response = desk.send(&request, None).await;
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(
            (response.status().as_u16(), &json(&response)["code"]),
            (status, &code.into()),
            "{change}"
        );
    }
    let token = desk.token("org_1", "admin");
    assert_eq!(desk.send_as(Some(&token), "{", None).await.status(), 400);
    assert_eq!(
        desk.send_as(Some(&token), &"x".repeat(70_000), None)
            .await
            .status(),
        413
    );
    assert_eq!(
        desk.send(&desk.sms("Hi"), Some(&"k".repeat(256))).await.status(),
        400
    );
    assert_eq!(desk.carried(), 0);
    assert_eq!(desk.fixture.count("conversations").await, 0);
}

#[tokio::test]
async fn nobody_is_texted_after_stop() {
    let desk = Desk::open(&[]).await;
    let stop = "select record_consent($1, '+14055550123', $2, $3, $4, 'SM1', now())";
    desk.fixture
        .sql
        .execute(stop, &[&desk.workspace, &CUSTOMER, &true, &"STOP"])
        .await
        .unwrap();
    let (status, body) = desk.ask(&desk.sms("Hi")).await;
    assert_eq!((status, &body["code"]), (409, &"opted_out".into()));
    assert_eq!(
        (desk.carried(), desk.fixture.count("conversations").await),
        (0, 0)
    );
    desk.fixture
        .sql
        .execute(stop, &[&desk.workspace, &CUSTOMER, &false, &"START"])
        .await
        .unwrap();
    assert_eq!(desk.ask(&desk.sms("Hi")).await.0, 201);
}

#[tokio::test]
async fn the_carriers_refusals() {
    let desk = Desk::open(&[]).await;
    let to =
        |number: &str| json!({ "channel": "sms", "to": number, "body": "Hi", "workspaceId": desk.workspace });
    let (status, body) = desk.ask(&to("+19075551211")).await;
    assert_eq!(
        (status, &body["code"], &body["carrierCode"]),
        (502, &"carrier_refused".into(), &"21211".into()),
        "{body}"
    );
    assert!(!body["carrierMessage"].as_str().unwrap().is_empty());
    let row = desk.fixture.row("conversation_messages").await;
    assert_eq!(
        (&row["status"], &row["error_code"]),
        (&"failed".into(), &"21211".into())
    );
    let response = desk.send(&to("+19075550429"), None).await;
    assert_eq!(
        (response.status().as_u16(), &json(&response)["code"]),
        (503, &"carrier_refused".into())
    );
    assert_eq!(response.headers()["retry-after"], "1");
    // no money, and a queue that is full
    for (code, status) in [(4001, 502), (30002, 502), (21611, 503)] {
        let refused = Fault::code(400, code, "no");
        desk.fixture.simulator.fail_next(Operation::SendMessage, refused);
        let response = desk.send(&desk.sms("Hi"), Some(&code.to_string())).await;
        assert_eq!(
            (response.status().as_u16(), &json(&response)["code"]),
            (status, &"carrier_refused".into())
        );
        let again = desk.send(&desk.sms("Hi"), Some(&code.to_string())).await;
        let sends_now = if status == 503 { 201 } else { status };
        assert_eq!(again.status().as_u16(), sends_now, "{code}");
    }
}

#[tokio::test]
async fn who_is_blocked_at_the_carrier_counts_as_opted_out() {
    for code in [21610, 30004] {
        let desk = Desk::open(&[]).await;
        let blocked = Fault::code(400, code, "the recipient is unsubscribed");
        desk.fixture.simulator.fail_next(Operation::SendMessage, blocked);
        for _ in 0..2 {
            let first = desk.send(&desk.sms("Hi"), Some("k1")).await;
            assert_eq!(
                (
                    first.status().as_u16(),
                    &json(&first)["code"],
                    &json(&first)["carrierCode"]
                ),
                (502, &"carrier_refused".into(), &code.to_string().into())
            );
            let consent = desk.fixture.row("opt_outs").await;
            assert_eq!(
                (
                    &consent["workspace_id"],
                    &consent["business_phone"],
                    &consent["customer_phone"],
                    &consent["opted_out"],
                ),
                (
                    &json!(desk.workspace),
                    &NUMBER.into(),
                    &CUSTOMER.into(),
                    &true.into()
                )
            );
            let change = desk.fixture.row("opt_out_changes").await;
            assert_eq!(
                (&change["actor"], &change["word"]),
                (&"carrier".into(), &code.to_string().into())
            );
        }
        let (status, body) = desk.ask(&desk.sms("Hi")).await;
        assert_eq!((status, &body["code"]), (409, &"opted_out".into()));
        assert_eq!(desk.carried(), 0);
        let start = "select record_consent($1, $2, $3, false, 'START', 'SM1', now())";
        desk.fixture
            .sql
            .execute(start, &[&desk.workspace, &NUMBER, &CUSTOMER])
            .await
            .unwrap();
        assert_eq!(desk.ask(&desk.sms("Hi")).await.0, 201);
    }
}

#[tokio::test]
async fn who_is_blocked_on_the_platform_number_is_blocked_for_every_starter() {
    let desk = Desk::open(&[]).await;
    let mut answers = Vec::new();
    desk.fixture
        .simulator
        .fail_next(Operation::SendMessage, Fault::code(400, 21610, "blocked"));
    for owner in ["user_2", "user_3"] {
        let starter = desk.fixture.workspace(owner, "starter", owner).await;
        let token = desk.fixture.issuer.token(&Claims::of(owner));
        let request = json!({ "channel": "sms", "to": CUSTOMER, "body": "Hi", "workspaceId": starter });
        let response = desk.send_as(Some(&token), &request.to_string(), None).await;
        answers.push((response.status().as_u16(), json(&response)["code"].clone()));
    }
    assert_eq!(
        answers,
        [(502, "carrier_refused".into()), (409, "opted_out".into())]
    );
    assert_eq!(
        desk.ask(&desk.sms("Hi")).await.0,
        201,
        "another sender is another matter"
    );
}

#[tokio::test]
async fn a_number_in_no_active_campaign_is_not_ready_from_then_on() {
    let desk = Desk::open(&[]).await;
    let refused = Fault::code(400, 21717, "From is not in an active campaign");
    desk.fixture.simulator.fail_next(Operation::SendMessage, refused);
    let (status, body) = desk.ask(&desk.sms("Hi")).await;
    assert_eq!((status, &body["carrierCode"]), (502, &"21717".into()), "{body}");
    for _ in 0..2 {
        let (status, body) = desk.ask(&desk.sms("Hi")).await;
        assert_eq!((status, &body["code"]), (409, &"number_not_ready".into()));
        assert!(body["detail"].as_str().unwrap().contains("21717"), "{body}");
    }
    let readiness = desk.fixture.row("phone_number_readiness").await;
    assert_eq!(
        (&readiness["phone_number_id"], &readiness["messaging_readiness"]),
        (&json!(desk.number), &"failed".into())
    );
    assert_eq!(desk.carried(), 0);
    let call = json!({ "channel": "call", "to": CUSTOMER, "body": "Hi", "workspaceId": desk.workspace });
    assert_eq!(desk.ask(&call).await.0, 201, "calls need no campaign");
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_never_sent_again() {
    let desk = Desk::open(&[]).await;
    for (fault, sent) in [
        (Fault::status(503), 0),
        (Fault::status_after(500), 1),
        (Fault::Close { when: When::After }, 1),
        (Fault::Close { when: When::Before }, 0),
        (Fault::TruncatedJson, 1),
        (Fault::Html, 0),
        (Fault::HugeBody, 0),
    ] {
        let before = desk.carried();
        let name = format!("{fault:?}");
        desk.fixture.simulator.fail_next(Operation::SendMessage, fault);
        let first = desk.send(&desk.sms("Hi"), Some(&name)).await;
        assert_eq!(
            (first.status().as_u16(), &json(&first)["status"]),
            (202, &"unknown".into()),
            "{name}"
        );
        let again = desk.send(&desk.sms("Hi"), Some(&name)).await;
        assert_eq!(
            (again.status().as_u16(), json(&again)),
            (202, json(&first)),
            "{name}"
        );
        assert_eq!(again.headers()["idempotent-replayed"], "true");
        assert!(desk.carried() - before <= sent.max(1), "{name}");
        let id = json(&first)["id"].as_str().unwrap().to_owned();
        assert_eq!(
            desk.fixture
                .row(&format!("conversation_messages where id = '{id}'"))
                .await["status"],
            "unknown"
        );
    }
}
