//! What goes out, from where, and what the row says.

use crate::support::{CUSTOMER, Desk, NUMBER};
use devstack::fixture::{PLATFORM_NUMBER, json, text};
use serde_json::json;
use testkit::identity::Claims;

#[tokio::test]
async fn an_sms_goes_out_from_the_workspaces_number() {
    let desk = Desk::open(&[]).await;
    let (status, body) = desk.ask(&desk.sms("Hello")).await;
    assert_eq!(status, 201, "{body}");
    assert_eq!(
        (&body["from"], &body["to"], &body["status"]),
        (&NUMBER.into(), &CUSTOMER.into(), &"queued".into())
    );
    assert_eq!(
        (&body["channel"], &body["direction"], &body["segments"]),
        (&"sms".into(), &"outbound".into(), &1.into())
    );
    let ledger = desk.fixture.simulator.ledger();
    let carried = ledger
        .messages
        .iter()
        .find(|message| message.sid == body["sid"].as_str().unwrap())
        .unwrap();
    assert_eq!(
        (carried.from.as_str(), carried.to.as_str(), carried.body.as_str()),
        (NUMBER, CUSTOMER, "Hello")
    );
    let row = desk.fixture.row("conversation_messages").await;
    assert_eq!(
        (&row["id"], &row["external_id"], &row["status"]),
        (&body["id"], &body["sid"], &"queued".into())
    );
    let thread = desk.fixture.row("conversations").await;
    assert_eq!(
        (&thread["id"], &thread["message_count"], &thread["unread_count"]),
        (&body["conversationId"], &1.into(), &0.into())
    );
    assert!(thread["last_outbound_at"].is_string());
    // our id stands in the callback's URL
    let request = ledger
        .requests
        .iter()
        .find(|request| request.path.ends_with("/Messages"))
        .unwrap();
    let callback = request
        .params
        .0
        .iter()
        .find(|(name, _)| name == "StatusCallback")
        .unwrap()
        .1
        .clone();
    assert!(
        callback.ends_with(&format!(
            "/api/webhooks/signalwire/status/{}",
            body["id"].as_str().unwrap()
        )),
        "{callback}"
    );
}

#[tokio::test]
async fn media_makes_it_an_mms() {
    let desk = Desk::open(&[]).await;
    let mut request = desk.sms("");
    request["mediaUrls"] = json!(["https://media.example/a.png", "https://media.example/b.png"]);
    let (status, body) = desk.ask(&request).await;
    assert_eq!(status, 201, "{body}");
    let row = desk.fixture.row("conversation_messages").await;
    assert_eq!(row["attachments"][1]["url"], "https://media.example/b.png");
}

#[tokio::test]
async fn from_is_what_is_named_else_sticky_else_primary() {
    let desk = Desk::open(&[]).await;
    desk.fixture
        .sql
        .execute("update workspaces set subscription_tier = 'enterprise'", &[])
        .await
        .unwrap();
    let sales = desk.fixture.number(desk.workspace, "+14055550456", "sales").await;
    let from = |body: serde_json::Value| body["from"].as_str().unwrap().to_owned();
    for named in [json!("+14055550456"), json!("sales"), json!(sales)] {
        let mut request = desk.sms("Hi");
        request["from"] = named.clone();
        request["to"] = json!(format!("+1415555{:04}", 2000));
        let (status, body) = desk.ask(&request).await;
        assert_eq!((status, from(body).as_str()), (201, "+14055550456"), "{named}");
    }
    // the customer has talked with sales: sticky; somebody new: the primary
    let mut sticky = desk.sms("Hi");
    sticky["to"] = json!("+14155552000");
    assert_eq!(from(desk.ask(&sticky).await.1), "+14055550456");
    assert_eq!(from(desk.ask(&desk.sms("Hi")).await.1), NUMBER);
    // never another one silently
    for (named, part) in [
        (json!("+14055559999"), "no number"),
        (json!("support"), "no number"),
        (json!(PLATFORM_NUMBER), "no number"),
    ] {
        let mut request = desk.sms("Hi");
        request["from"] = named;
        let (status, body) = desk.ask(&request).await;
        assert_eq!((status, &body["code"]), (409, &"no_number".into()));
        assert!(body["detail"].as_str().unwrap().contains(part), "{body}");
    }
    desk.fixture
        .sql
        .execute(
            "update workspace_phone_numbers set status = 'suspended' where number_type = 'sales'",
            &[],
        )
        .await
        .unwrap();
    let mut named = desk.sms("Hi");
    named["from"] = json!("sales");
    for request in [&named, &sticky] {
        let (status, body) = desk.ask(request).await;
        assert_eq!((status, &body["code"]), (409, &"no_number".into()));
        assert!(body["detail"].as_str().unwrap().contains("suspended"), "{body}");
    }
    // another one only when it is named, or when that one is gone for good
    sticky["from"] = json!("primary");
    assert_eq!(from(desk.ask(&sticky).await.1), NUMBER);
    let gone = "delete from conversations where business_phone = $1 and message_count = 0";
    desk.fixture.sql.execute(gone, &[&NUMBER]).await.unwrap();
    desk.fixture
        .sql
        .batch_execute("update workspace_phone_numbers set status = 'released' where number_type = 'sales'")
        .await
        .unwrap();
    sticky.as_object_mut().unwrap().remove("from");
    assert_eq!(from(desk.ask(&sticky).await.1), NUMBER);
}

#[tokio::test]
async fn a_number_carries_what_the_carrier_lets_it() {
    for (capabilities, text, call) in [
        (json!({ "voice": true, "SMS": false }), 409, 201),
        (json!({ "voice": false, "sms": true }), 201, 409),
        (json!({}), 201, 201),
    ] {
        let desk = Desk::open(&[]).await;
        desk.fixture
            .sql
            .execute(
                "update workspace_phone_numbers set capabilities = $1",
                &[&capabilities],
            )
            .await
            .unwrap();
        let calling =
            json!({ "channel": "call", "to": CUSTOMER, "body": "Hi", "workspaceId": desk.workspace });
        for (request, expected) in [(desk.sms("Hi"), text), (calling, call)] {
            let (status, body) = desk.ask(&request).await;
            assert_eq!(status, expected, "{capabilities}: {body}");
            if expected == 409 {
                assert_eq!(body["code"], "no_number");
            }
        }
        assert_eq!(
            desk.carried(),
            usize::from(text == 201) + usize::from(call == 201)
        );
    }
}

#[tokio::test]
async fn starter_uses_the_platform_number_and_paying_ones_never_do() {
    let desk = Desk::open(&[]).await;
    let starter = desk.fixture.workspace("Solo", "starter", "user_2").await;
    let token = desk.fixture.issuer.token(&Claims::of("user_2"));
    let request = json!({ "channel": "sms", "to": CUSTOMER, "body": "Hi", "workspaceId": starter });
    let response = desk.send_as(Some(&token), &request.to_string(), None).await;
    assert_eq!(
        (response.status().as_u16(), &json(&response)["from"]),
        (201, &PLATFORM_NUMBER.into())
    );
    let waiting = desk.fixture.workspace("New", "professional", "org_3").await;
    let request = json!({ "channel": "sms", "to": CUSTOMER, "body": "Hi", "workspaceId": waiting });
    let response = desk
        .send_as(Some(&desk.token("org_3", "admin")), &request.to_string(), None)
        .await;
    assert_eq!(
        (response.status().as_u16(), &json(&response)["code"]),
        (409, &"no_number".into()),
        "{}",
        text(&response)
    );
}

#[tokio::test]
async fn a_number_that_cannot_text_yet_says_so_but_calls() {
    let desk = Desk::open(&[]).await;
    let insert = "insert into phone_number_readiness (phone_number_id, workspace_id, messaging_readiness, reason) values ($1, $2, 'pending', 'waiting for the campaign')";
    desk.fixture
        .sql
        .execute(insert, &[&desk.number, &desk.workspace])
        .await
        .unwrap();
    let (status, body) = desk.ask(&desk.sms("Hi")).await;
    assert_eq!((status, &body["code"]), (409, &"number_not_ready".into()));
    assert!(
        body["detail"]
            .as_str()
            .unwrap()
            .contains("waiting for the campaign")
    );
    assert_eq!(desk.carried(), 0);
    let call = json!({ "channel": "call", "to": CUSTOMER, "body": "Hi", "workspaceId": desk.workspace });
    assert_eq!(desk.ask(&call).await.0, 201);
}

#[tokio::test]
async fn whatsapp_only_where_it_is_configured() {
    let desk = Desk::open(&[]).await;
    let request =
        json!({ "channel": "whatsapp", "to": CUSTOMER, "body": "Hi", "workspaceId": desk.workspace });
    let (status, body) = desk.ask(&request).await;
    assert_eq!((status, &body["code"]), (409, &"whatsapp_not_enabled".into()));
    let desk = Desk::open(&[("SIGNALWIRE_WHATSAPP_NUMBER", "+14055550777")]).await;
    desk.fixture
        .simulator
        .add_number(&simulator::PlatformNumber::new("+14055550777"));
    let request =
        json!({ "channel": "whatsapp", "to": CUSTOMER, "body": "Hi", "workspaceId": desk.workspace });
    let (status, body) = desk.ask(&request).await;
    assert_eq!(
        (status, &body["from"], &body["segments"]),
        (201, &"+14055550777".into(), &serde_json::Value::Null),
        "{body}"
    );
    assert!(
        desk.fixture
            .simulator
            .ledger()
            .requests
            .iter()
            .any(|request| request.path == "/api/messaging/messages")
    );
}

#[tokio::test]
async fn calls_speak_or_join() {
    let desk = Desk::open(&[]).await;
    let speak = json!({ "channel": "call", "to": CUSTOMER, "body": "Your order <1> is ready", "workspaceId": desk.workspace });
    let (status, body) = desk.ask(&speak).await;
    assert_eq!(
        (status, &body["status"], &body["channel"]),
        (201, &"queued".into(), &"call".into()),
        "{body}"
    );
    let join = json!({ "channel": "call", "to": CUSTOMER, "workspaceId": desk.workspace, "connect": "+14155550111" });
    let (status, body) = desk.ask(&join).await;
    assert_eq!((status, &body["to"]), (201, &CUSTOMER.into()));
    let ledger = desk.fixture.simulator.ledger();
    let call = ledger
        .calls
        .iter()
        .find(|call| call.sid == body["sid"].as_str().unwrap())
        .unwrap();
    assert_eq!(
        (call.from.as_str(), call.to.as_str()),
        (NUMBER, "+14155550111"),
        "the agent is rung first"
    );
    let row = desk
        .fixture
        .row("conversation_messages where connect_phone is not null")
        .await;
    assert_eq!(
        (&row["recipient_phone"], &row["connect_phone"]),
        (&CUSTOMER.into(), &"+14155550111".into())
    );
}

#[tokio::test]
async fn a_send_takes_two_round_trips() {
    let mut fixture = devstack::fixture::Fixture::of("outbound-send").await;
    let proxy = testkit::proxy::Proxy::start(&fixture.database_url()).unwrap();
    let url = proxy.url(&fixture.database_url());
    fixture.set("DATABASE_URL", &url);
    let workspace = fixture.workspace("Acme", "professional", "org_1").await;
    let number = fixture.number(workspace, NUMBER, "primary").await;
    let app = outbound_send::App::start_with(fixture.settings()).await.unwrap();
    let desk = Desk {
        fixture,
        app,
        workspace,
        number,
    };
    assert_eq!(desk.ask(&desk.sms("warm up")).await.0, 201);
    proxy.reset_counts();
    let before = desk.fixture.simulator.ledger().requests.len();
    assert_eq!(desk.send(&desk.sms("Hi"), Some("k1")).await.status(), 201);
    assert_eq!(proxy.counts().flights, 2);
    assert_eq!(desk.fixture.simulator.ledger().requests.len() - before, 1);
}
