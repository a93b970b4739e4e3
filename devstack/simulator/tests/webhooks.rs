//! What the simulator sends: inbound messages, status callbacks, signatures, the rules of delivery.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::time::Duration;

use serde_json::json;
use simulator::{Params, Simulator, WebhookKind, sign_form, sign_json};
use support::{CUSTOMER, Hit, OURS, Receiver, find, post, post_json, start_with};

async fn with_receiver() -> (Simulator, Receiver) {
    let receiver = Receiver::start().await;
    let (sms, fallback) = (receiver.at("/sms?t=a%2Fb"), receiver.at("/fallback"));
    let sim = start_with(|config| {
        config.platform_numbers[0].sms_url = Some(sms);
        config.platform_numbers[0].sms_fallback_url = Some(fallback);
    })
    .await;
    (sim, receiver)
}

fn signature(hit: &Hit) -> String {
    hit.headers["x-signalwire-signature"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_inbound_sms_arrives_signed_and_its_reply_is_sent() {
    let (sim, receiver) = with_receiver().await;
    receiver.cxml("/sms", "<Message>Thanks &amp; bye</Message>");
    let delivery = sim.inbound_sms(CUSTOMER, OURS, "Größe? 1+1 & 2").await;
    assert!(delivery.is_clean(), "{delivery:?}");
    let hits = receiver.hits("/sms");
    assert_eq!(hits.len(), 1);
    let form = hits[0].form();
    let names: Vec<&str> = form.0.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "MessageSid",
            "SmsSid",
            "AccountSid",
            "From",
            "To",
            "Body",
            "NumMedia",
            "NumSegments"
        ]
    );
    assert_eq!(form.get("Body"), Some("Größe? 1+1 & 2"));
    assert_eq!(
        signature(&hits[0]),
        sign_form("PSK_local_signing_key", &receiver.at("/sms?t=a%2Fb"), &form)
    );
    assert_eq!(delivery.replies[0].body, "Thanks & bye");
    assert_eq!(
        (delivery.replies[0].from.as_str(), delivery.replies[0].to.as_str()),
        (OURS, CUSTOMER)
    );
    sim.settle().await;
    let ledger = sim.ledger();
    let reply = ledger.message(&delivery.replies[0].sid).unwrap();
    assert_eq!((reply.direction, reply.status()), ("outbound-reply", "delivered"));

    let again = sim.redeliver(&delivery).await;
    let hits = receiver.hits("/sms");
    assert_eq!(
        (hits.len(), &hits[0].body, signature(&hits[0])),
        (2, &hits[1].body, signature(&hits[1]))
    );
    assert_eq!((again.sid, again.replies.len()), (delivery.sid, 1));
    assert_eq!(sim.ledger().messages.len(), 2);
}

#[tokio::test]
async fn media_and_whatsapp_have_their_own_fields() {
    let (sim, receiver) = with_receiver().await;
    sim.inbound_mms(
        CUSTOMER,
        OURS,
        "",
        &[
            ("https://example.com/1", "image/png"),
            ("https://example.com/2", "image/gif"),
        ],
    )
    .await;
    sim.inbound_whatsapp(CUSTOMER, OURS, "hi").await;
    let hits = receiver.hits("/sms");
    assert_eq!(
        (hits[0].field("NumMedia"), hits[0].field("MediaUrl1")),
        ("2".into(), "https://example.com/2".into())
    );
    assert_eq!(hits[0].field("MediaContentType0"), "image/png");
    assert_eq!(hits[1].field("From"), format!("whatsapp:{CUSTOMER}"));
}

#[tokio::test]
async fn a_document_that_fails_is_asked_for_at_the_fallback_once() {
    for (status, kind, body, code) in [
        (500, "text/xml", "<Response/>", 11217),
        (200, "application/json", "{}", 12300),
        (200, "text/plain", "ok", 12300),
        (200, "text/xml", "", 12100),
        (200, "text/xml", "<Response>", 12100),
        (
            200,
            "text/xml",
            &format!("<Response><!--{}--></Response>", "x".repeat(70_000)),
            11750,
        ),
    ] {
        let (sim, receiver) = with_receiver().await;
        receiver.answer("/sms", status, kind, body);
        receiver.cxml("/fallback", "<Message>later</Message>");
        let delivery = sim.inbound_sms(CUSTOMER, OURS, "x").await;
        assert_eq!(
            (receiver.hits("/sms").len(), receiver.hits("/fallback").len()),
            (1, 1),
            "{code}"
        );
        assert_eq!(receiver.hits("/sms")[0].body, receiver.hits("/fallback")[0].body);
        assert_eq!((delivery.error(), delivery.replies.len()), (Some(code), 1));
    }
}

#[tokio::test]
async fn a_document_that_hangs_is_given_up() {
    let receiver = Receiver::start().await;
    let sim = start_with(|config| {
        config.timeouts.read = Duration::from_millis(50);
        config.platform_numbers[0].sms_url = Some(receiver.at("/hang"));
    })
    .await;
    assert_eq!(sim.inbound_sms(CUSTOMER, OURS, "x").await.error(), Some(11200));
    sim.configure_number(OURS, &[("SmsUrl", "http://127.0.0.1:1/")]);
    assert_eq!(sim.inbound_sms(CUSTOMER, OURS, "x").await.error(), Some(11200));
    assert!(
        !sim.inbound_sms(CUSTOMER, "+14055550100", "x")
            .await
            .warnings
            .is_empty()
    );
}

#[tokio::test]
async fn a_send_reports_every_step() {
    let (sim, receiver) = with_receiver().await;
    let callback = receiver.at("/status?id=7");
    let send = async |to: &str, extra: &[(&str, &str)]| {
        let form = [
            &[
                ("To", to),
                ("From", OURS),
                ("Body", "x"),
                ("StatusCallback", &callback),
            ],
            extra,
        ]
        .concat();
        let sid = post(&sim, "Messages", &form).await.json["sid"]
            .as_str()
            .unwrap()
            .to_owned();
        sim.settle().await;
        let of = receiver
            .hits("/status")
            .into_iter()
            .filter(|hit| hit.field("MessageSid") == sid);
        of.map(|hit| (hit.field("MessageStatus"), hit.field("ErrorCode")))
            .collect::<Vec<_>>()
    };
    let plain = |steps: &[&str]| {
        steps
            .iter()
            .map(|s| ((*s).to_owned(), String::new()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        send(CUSTOMER, &[]).await,
        plain(&["queued", "sending", "sent", "delivered"])
    );
    let media = [("MediaUrl", "https://example.com/a.jpg")];
    assert_eq!(
        send(CUSTOMER, &media).await,
        plain(&["queued", "sending", "sent"])
    );
    assert_eq!(
        send("+15005550003", &[]).await.last().unwrap(),
        &("undelivered".to_owned(), "30003".to_owned())
    );
    assert_eq!(
        send("+19075550001", &[]).await.last().unwrap(),
        &("failed".to_owned(), "30001".to_owned())
    );
    assert!(send("+15005551000", &[]).await.is_empty());
    let hit = &receiver.hits("/status")[0];
    assert_eq!(
        signature(hit),
        sign_form("PSK_local_signing_key", &callback, &hit.form())
    );
}

#[tokio::test]
async fn a_status_callback_is_tried_three_times_and_then_dropped() {
    let (sim, receiver) = with_receiver().await;
    receiver.answer("/status", 503, "text/plain", "");
    let form = [
        ("To", "+15005551001"),
        ("From", OURS),
        ("Body", "x"),
        ("StatusCallback", &*receiver.at("/status")),
    ];
    post(&sim, "Messages", &form).await;
    sim.settle().await;
    assert_eq!(receiver.hits("/status").len(), 9);
    receiver.answer("/status", 503, "text/plain", "");
    receiver.then("/status", 204, "text/plain", "");
    post(&sim, "Messages", &form).await;
    sim.settle().await;
    let attempts: Vec<u32> = sim
        .ledger()
        .exchanges_of(WebhookKind::MessageStatus)
        .iter()
        .map(|e| e.attempt)
        .collect();
    assert_eq!(attempts, [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 1, 1]);
}

#[tokio::test]
async fn everything_twice_when_asked() {
    let receiver = Receiver::start().await;
    let sim = start_with(|config| {
        config.deliver_twice = true;
        config.platform_numbers[0].sms_url = Some(receiver.at("/sms"));
    })
    .await;
    receiver.cxml("/sms", "<Message>once</Message>");
    let delivery = sim.inbound_sms(CUSTOMER, OURS, "x").await;
    sim.settle().await;
    let hits = receiver.hits("/sms");
    assert_eq!((hits.len(), &hits[0].body), (2, &hits[1].body));
    assert_eq!((delivery.replies.len(), sim.ledger().messages.len()), (1, 2));
}

#[tokio::test]
async fn whatsapp_goes_out_by_json_and_reports_by_json() {
    let (sim, receiver) = with_receiver().await;
    let message = json!({
        "from": format!("whatsapp:{OURS}"), "to": CUSTOMER, "message_type": "whatsapp_media_text", "body": "hello",
        "status_callback": receiver.at("/json"), "custom_variables": { "org": "42" },
    });
    let sent = post_json(&sim, "/api/messaging/messages", message.clone()).await;
    assert_eq!(
        (sent.status, &sent.json["kind"], &sent.json["status"]),
        (201, &json!("whatsapp"), &json!("queued"))
    );
    sim.settle().await;
    let hits = receiver.hits("/json");
    assert_eq!(hits.len(), 4);
    let last: serde_json::Value = serde_json::from_str(&hits[3].body).unwrap();
    assert_eq!(
        (&last["status"], &last["id"], &last["custom_variables"]["org"]),
        (&json!("delivered"), &sent.json["id"], &json!("42"))
    );
    assert_eq!(
        signature(&hits[3]),
        sign_json(
            "PSK_local_signing_key",
            &receiver.at("/json"),
            hits[3].body.as_bytes()
        )
    );
    let mut foreign = message;
    foreign["from"] = json!("whatsapp:+14055550199");
    let refused = post_json(&sim, "/api/messaging/messages", foreign).await;
    assert_eq!(
        (refused.status, &refused.json["errors"][0]["code"]),
        (422, &json!("invalid_from_number"))
    );
    let log = support::get(
        &sim,
        &format!("/api/messaging/logs/{}", sent.json["id"].as_str().unwrap()),
    )
    .await;
    assert_eq!(log.json["status"], "delivered");
}

#[tokio::test]
async fn campaign_callbacks_are_json() {
    let (sim, receiver) = with_receiver().await;
    let number = find(&sim, "405").await;
    post(&sim, "IncomingPhoneNumbers", &[("PhoneNumber", &number)]).await;
    sim.fail_assignment(OURS, true);
    let path = "/api/relay/rest/registry/beta/campaigns/3fa85f64-5717-4562-b3fc-2c963f66afa7/orders";
    let order = json!({ "phone_numbers": [number, OURS], "status_callback_url": receiver.at("/tendlc") });
    assert_eq!(post_json(&sim, path, order).await.status, 200);
    sim.settle().await;
    let events: Vec<String> = receiver
        .hits("/tendlc")
        .iter()
        .map(|hit| {
            serde_json::from_str::<serde_json::Value>(&hit.body).unwrap()["event_type"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(
        events,
        [
            "number_assignment_pending",
            "number_assignment_pending",
            "number_assignment_activated",
            "number_assignment_failed",
            "number_assignment_order_processed",
        ]
    );
}

#[tokio::test]
async fn any_webhook_can_be_posted_by_hand() {
    let (sim, receiver) = with_receiver().await;
    let exchange = sim
        .send_webhook(&receiver.at("/x"), [("MessageSid", "SM123"), ("Body", "Test")])
        .await;
    assert_eq!(
        (exchange.status, exchange.sent.as_str()),
        (Some(200), "MessageSid=SM123&Body=Test")
    );
    assert_eq!(
        exchange.signature,
        sim.sign_form(&receiver.at("/x"), &Params::parse(&exchange.sent))
    );
    sim.repeat_exchange(&exchange).await;
    assert_eq!(receiver.hits("/x").len(), 2);
    let exchange = sim
        .send_json_webhook(&receiver.at("/y"), &json!({ "a": 1 }))
        .await;
    assert_eq!(exchange.signature.len(), 40);
}

#[tokio::test]
async fn keys_rotate() {
    let (sim, receiver) = with_receiver().await;
    sim.rotate_signing_key("PSK_new");
    sim.inbound_sms(CUSTOMER, OURS, "x").await;
    let hit = &receiver.hits("/sms")[0];
    assert_eq!(
        signature(hit),
        sign_form("PSK_new", &receiver.at("/sms?t=a%2Fb"), &hit.form())
    );
    sim.rotate_token("PT_new");
    assert_eq!(support::get(&sim, "Messages").await.status, 401);
}

#[tokio::test]
async fn replies_that_cannot_be_sent_are_complained_about() {
    let (sim, receiver) = with_receiver().await;
    let long = "x".repeat(1601);
    receiver.cxml("/sms", &format!("<Message/><Message from=\"+14055550199\">a</Message><Message>{long}</Message><Message>ok</Message>"));
    let delivery = sim.inbound_sms(CUSTOMER, OURS, "x").await;
    assert_eq!((delivery.warnings.len(), delivery.replies.len()), (3, 1));
}
