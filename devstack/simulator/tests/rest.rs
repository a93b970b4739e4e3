//! The REST APIs: authentication, shapes, rules.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::time::Duration;

use serde_json::json;
use support::{CUSTOMER, OURS, call, delete, find, get, post, post_json, start, start_with};

const DAY: u64 = 86_400;

#[tokio::test]
async fn without_the_right_credentials_nothing_is_shown() {
    let sim = start().await;
    let project = sim.config().project_id.clone();
    let base = format!("/api/laml/2010-04-01/Accounts/{project}");
    for auth in [
        None,
        Some(format!("{project}:wrong")),
        Some("x:PT_local_simulator_token".to_owned()),
    ] {
        let reply = call(&sim, "GET", &base, auth.as_deref(), "", String::new())
            .await
            .unwrap();
        assert_eq!((reply.status, &reply.json["code"]), (401, &json!(20003)));
        let reply = call(
            &sim,
            "GET",
            "/api/relay/rest/phone_numbers",
            auth.as_deref(),
            "",
            String::new(),
        )
        .await
        .unwrap();
        assert_eq!(
            (reply.status, &reply.json),
            (401, &json!({ "error": "Unauthorized" }))
        );
    }
    assert_eq!(get(&sim, &base).await.json["auth_token"], "redacted");
    let other = "/api/laml/2010-04-01/Accounts/00000000-0000-0000-0000-000000000000/Messages";
    assert_eq!(get(&sim, other).await.json["code"], 20404);
    assert_eq!(get(&sim, "NoSuchThing").await.status, 404);
    let reply = call(
        &sim,
        "POST",
        &format!("{base}/Messages"),
        Some(&format!("{project}:PT_local_simulator_token")),
        "application/json",
        "{}".into(),
    )
    .await
    .unwrap();
    assert_eq!((reply.status, &reply.json["code"]), (400, &json!(10000)));
}

#[tokio::test]
async fn search_shows_what_fits_and_does_not_filter_capabilities() {
    let sim = start().await;
    let found = get(
        &sim,
        "AvailablePhoneNumbers/US/Local?AreaCode=405&SmsEnabled=true&VoiceEnabled=true",
    )
    .await;
    let rows = found.json["available_phone_numbers"].as_array().unwrap();
    assert_eq!(rows.len(), 30);
    assert!(
        rows.iter()
            .all(|row| row["phone_number"].as_str().unwrap().starts_with("+1405"))
    );
    assert!(rows.iter().any(|row| row["capabilities"]["SMS"] == false));
    assert!(rows.iter().any(|row| row["capabilities"]["voice"] == false));
    assert!(
        rows[0]["lata"].is_null()
            && rows[0]["region"] == "OK"
            && rows[0]["capabilities"].get("sms").is_none()
    );
    let count = async |query: &str| {
        get(&sim, &format!("AvailablePhoneNumbers/{query}")).await.json["available_phone_numbers"]
            .as_array()
            .map(Vec::len)
    };
    assert_eq!(count("US/Local?AreaCode=907").await, Some(0));
    assert_eq!(count("CA/Local?AreaCode=416").await, Some(30));
    assert_eq!(count("US/Local?AreaCode=416").await, Some(0));
    assert_eq!(count("US/Local?InRegion=NY").await, Some(50));
    assert_eq!(count("US/TollFree.json").await, Some(10));
    assert_eq!(count("US/Local?AreaCode=4").await, None);
}

#[tokio::test]
async fn a_number_is_bought_once_with_everything_it_was_asked_for() {
    let sim = start().await;
    let number = find(&sim, "405").await;
    let form = [
        ("PhoneNumber", number.as_str()),
        ("FriendlyName", "Acme order 1"),
        ("VoiceUrl", "https://example.com/voice"),
        ("SmsUrl", "https://example.com/sms"),
        ("Surprise", "x"),
    ];
    let (one, two) = tokio::join!(
        post(&sim, "IncomingPhoneNumbers.json", &form),
        post(&sim, "IncomingPhoneNumbers", &form)
    );
    let (bought, refused) = if one.status == 201 { (one, two) } else { (two, one) };
    assert_eq!((bought.status, refused.status), (201, 422));
    assert_eq!(bought.json["friendly_name"], "Acme order 1");
    assert_eq!(bought.json["sms_method"], "POST");
    assert_eq!(
        bought.json["capabilities"],
        json!({ "voice": true, "sms": true, "mms": true, "fax": true })
    );
    let ledger = sim.ledger();
    assert_eq!(ledger.numbers.len(), 2);
    assert_eq!(
        ledger.number(&number).unwrap().purchase_params.get("Surprise"),
        Some("x")
    );
    assert_eq!(
        ledger
            .requests
            .iter()
            .filter(|r| r.unknown_params == ["Surprise"])
            .count(),
        2
    );
    let listed = get(
        &sim,
        &format!("IncomingPhoneNumbers?PhoneNumber=%2B{}", &number[1..]),
    )
    .await;
    assert_eq!(listed.json["incoming_phone_numbers"].as_array().unwrap().len(), 1);
    let listed = get(&sim, "IncomingPhoneNumbers?FriendlyName=Acme+order+1").await;
    assert_eq!(
        listed.json["incoming_phone_numbers"][0]["sid"],
        bought.json["sid"]
    );
}

#[tokio::test]
async fn purchases_are_refused_for_the_documented_reasons() {
    let sim = start().await;
    let buy = async |form: &[(&str, &str)]| {
        let reply = post(&sim, "IncomingPhoneNumbers", form).await;
        (reply.status, reply.json["code"].as_u64().unwrap())
    };
    assert_eq!(buy(&[]).await, (400, 21421));
    assert_eq!(buy(&[("PhoneNumber", "4052345678")]).await, (400, 21401));
    let number = find(&sim, "918").await;
    assert_eq!(
        buy(&[("PhoneNumber", &number), ("SmsUrl", "/sms")]).await,
        (400, 21402)
    );
    assert_eq!(
        buy(&[("PhoneNumber", &number), ("SmsMethod", "PUT")]).await,
        (400, 21402)
    );
    assert_eq!(
        buy(&[("PhoneNumber", &find(&sim, "209").await)]).await,
        (422, 21422)
    );
    assert_eq!(
        buy(&[("PhoneNumber", &find(&sim, "213").await)]).await,
        (422, 4001)
    );
    let number = find(&sim, "323").await;
    assert_eq!(buy(&[("PhoneNumber", &number)]).await.0, 500);
    assert!(sim.number(&number).is_some());
}

#[tokio::test]
async fn a_number_is_released_after_fourteen_days() {
    let sim = start().await;
    let number = find(&sim, "415").await;
    let bought = post(&sim, "IncomingPhoneNumbers", &[("PhoneNumber", &number)]).await;
    let path = format!("IncomingPhoneNumbers/{}", bought.json["sid"].as_str().unwrap());
    let early = delete(&sim, &path).await;
    assert_eq!((early.status, &early.json["code"]), (422, &json!(22121)));
    sim.advance(Duration::from_secs(13 * DAY));
    assert_eq!(delete(&sim, &path).await.status, 422);
    sim.advance(Duration::from_secs(DAY + 60));
    assert_eq!(delete(&sim, &path).await.status, 204);
    assert_eq!(delete(&sim, &path).await.status, 404);
    assert_eq!(get(&sim, &path).await.status, 404);
    assert_eq!(sim.ledger().released[0].phone_number, number);
    let platform = sim.number(OURS).unwrap();
    assert_eq!(
        delete(&sim, &format!("IncomingPhoneNumbers/{}.json", platform.sid))
            .await
            .status,
        204
    );
}

#[tokio::test]
async fn numbers_are_updated_and_read_through_both_apis() {
    let sim = start().await;
    let sid = sim.number(OURS).unwrap().sid;
    let path = format!("IncomingPhoneNumbers/{sid}");
    let updated = post(
        &sim,
        &path,
        &[
            ("VoiceUrl", "https://example.com/v"),
            ("FriendlyName", "Front desk"),
        ],
    )
    .await;
    assert_eq!(
        (updated.status, &updated.json["voice_url"]),
        (200, &json!("https://example.com/v"))
    );
    assert_eq!(
        post(&sim, &path, &[("VoiceUrl", "")]).await.json["voice_url"],
        json!(null)
    );
    assert_eq!(post(&sim, &path, &[("FriendlyName", "")]).await.status, 422);
    let relay = get(&sim, &format!("/api/relay/rest/phone_numbers/{sid}")).await;
    assert_eq!(
        (&relay.json["message_handler"], &relay.json["name"]),
        (&json!("laml_webhooks"), &json!("Front desk"))
    );
    assert_eq!(
        get(&sim, "/api/relay/rest/phone_numbers").await.json["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(get(&sim, "IncomingPhoneNumbers/none").await.status, 404);
}

#[tokio::test]
async fn lists_come_in_pages() {
    let sim = start_with(|config| config.auto_status = false).await;
    for i in 0..5 {
        post(
            &sim,
            "Messages",
            &[("To", CUSTOMER), ("From", OURS), ("Body", &format!("no {i}"))],
        )
        .await;
    }
    let mut path = "Messages.json?PageSize=2&To=%2B14055231234".to_owned();
    let mut bodies = Vec::new();
    loop {
        let page = get(&sim, &path).await;
        bodies.extend(
            page.json["messages"]
                .as_array()
                .unwrap()
                .iter()
                .map(|m| m["body"].as_str().unwrap().to_owned()),
        );
        match page.json["next_page_uri"].as_str() {
            Some(next) => path = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(bodies, ["no 4", "no 3", "no 2", "no 1", "no 0"]);
    assert_eq!(get(&sim, "Messages?Page=1").await.json["code"], 54454);
    assert_eq!(get(&sim, "Messages?To=%2B15").await.json["messages"], json!([]));
    let today = sim.now().strftime("%Y-%m-%d").to_string();
    assert_eq!(
        get(&sim, &format!("Messages?DateSent%3E={today}")).await.json["messages"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
    assert_eq!(
        get(&sim, "Messages?DateSent%3C=2020-01-01").await.json["messages"],
        json!([])
    );
    assert_eq!(get(&sim, "Messages?DateSent=soon").await.json["code"], 90000);
    assert_eq!(
        get(&sim, "Messages?Status=queued").await.json["messages"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
}

#[tokio::test]
async fn sends_are_checked_as_the_carrier_does() {
    let sim = start().await;
    let long = "x".repeat(1601);
    let media: Vec<(&str, &str)> = (0..9)
        .map(|_| ("MediaUrl", "https://example.com/a.jpg"))
        .collect();
    let base = [("To", CUSTOMER), ("From", OURS)];
    let cases: Vec<(Vec<(&str, &str)>, u64)> = vec![
        (vec![("From", OURS), ("Body", "x")], 21603),
        (vec![("To", "4055231234"), ("From", OURS), ("Body", "x")], 21211),
        (
            vec![("To", "whatsapp:+14055231234"), ("From", OURS), ("Body", "x")],
            21211,
        ),
        (
            vec![("To", CUSTOMER), ("From", "+14055550199"), ("Body", "x")],
            21210,
        ),
        (
            vec![("To", CUSTOMER), ("From", "whatsapp:+14052290000"), ("Body", "x")],
            21210,
        ),
        (vec![("To", CUSTOMER), ("Body", "x")], 10000),
        (base.to_vec(), 21602),
        ([&base[..], &[("Body", long.as_str())]].concat(), 21617),
        ([&base[..], &media].concat(), 21623),
        ([&base[..], &[("MediaUrl", "a.jpg")]].concat(), 21620),
        (
            [&base[..], &[("Body", "x"), ("MaxPrice", "0.00075")]].concat(),
            10000,
        ),
        (
            [&base[..], &[("Body", "x"), ("ValidityPeriod", "172801")]].concat(),
            21624,
        ),
        (
            [&base[..], &[("Body", "x"), ("StatusCallback", "nowhere")]].concat(),
            10000,
        ),
        (vec![("To", "+15005551610"), ("From", OURS), ("Body", "x")], 21610),
        (vec![("To", "+19075551717"), ("From", OURS), ("Body", "x")], 21717),
        (vec![("To", "+15005550429"), ("From", OURS), ("Body", "x")], 20429),
    ];
    for (form, code) in cases {
        let reply = post(&sim, "Messages", &form).await;
        assert_eq!(reply.json["code"], code, "{form:?}");
        assert_eq!(reply.json["status"], reply.status, "{form:?}");
    }
    assert!(sim.ledger().messages.is_empty());
    let sent = post(
        &sim,
        "Messages.json",
        &[
            &base[..],
            &[("Body", "x"), ("MaxPrice", "0.0075"), ("ValidityPeriod", "60")],
        ]
        .concat(),
    )
    .await;
    assert_eq!(
        (sent.status, &sent.json["status"], &sent.json["num_segments"]),
        (201, &json!("queued"), &json!(1))
    );
    assert_eq!(
        post(
            &sim,
            "Messages",
            &[("To", "+15005555001"), ("From", OURS), ("Body", "x")]
        )
        .await
        .status,
        500
    );
    assert_eq!(sim.ledger().messages.len(), 2);
}

#[tokio::test]
async fn messages_are_redacted_and_deleted() {
    let sim = start_with(|config| config.auto_status = false).await;
    let form = [
        ("To", CUSTOMER),
        ("From", OURS),
        ("Body", "secret"),
        ("MediaUrl", "https://example.com/a.jpg"),
    ];
    let sent = post(&sim, "Messages", &form).await;
    let sid = sent.json["sid"].as_str().unwrap();
    let path = format!("Messages/{sid}");
    assert_eq!(post(&sim, &path, &[("Body", "")]).await.json["code"], 50509);
    assert_eq!(delete(&sim, &path).await.status, 422);
    sim.report_message(sid, "sent", None).await;
    assert_eq!(post(&sim, &path, &[("Body", "other")]).await.status, 422);
    assert_eq!(post(&sim, &path, &[("Body", "")]).await.json["body"], "");
    assert_eq!(
        get(&sim, &format!("{path}/Media.json")).await.json["media_list"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(delete(&sim, &path).await.status, 204);
    assert_eq!(get(&sim, &path).await.status, 404);
}

#[tokio::test]
async fn calls_refuse_in_their_own_shape() {
    let sim = start_with(|config| config.auto_status = false).await;
    let code =
        async |form: &[(&str, &str)]| post(&sim, "Calls.json", form).await.json["errors"][0]["code"].clone();
    let url = ("Url", "https://example.com/v");
    assert_eq!(code(&[("To", CUSTOMER), ("From", OURS)]).await, "21205");
    assert_eq!(code(&[("To", "405"), ("From", OURS), url]).await, "21211");
    assert_eq!(
        code(&[("To", CUSTOMER), ("From", "+14055550199"), url]).await,
        "21210"
    );
    assert_eq!(
        code(&[("To", CUSTOMER), ("From", OURS), url, ("Timeout", "0")]).await,
        "10000"
    );
    assert_eq!(
        code(&[
            ("To", CUSTOMER),
            ("From", OURS),
            url,
            ("StatusCallbackEvent", "initiated completed")
        ])
        .await,
        "10000"
    );
    let made = post(&sim, "Calls", &[("To", CUSTOMER), ("From", OURS), url]).await;
    assert_eq!(
        (made.status, &made.json["status"], &made.json["direction"]),
        (200, &json!("queued"), &json!("outbound"))
    );
    let path = format!("Calls/{}", made.json["sid"].as_str().unwrap());
    assert_eq!(post(&sim, &path, &[("Status", "paused")]).await.status, 422);
    assert_eq!(
        post(&sim, &path, &[("Status", "canceled")]).await.json["status"],
        "canceled"
    );
    assert_eq!(get(&sim, &path).await.json["status"], "canceled");
    assert_eq!(
        get(&sim, "Calls?Status=canceled").await.json["calls"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn campaign_orders_assign_numbers() {
    let sim = start_with(|config| config.campaign_required = true).await;
    let campaign = "3fa85f64-5717-4562-b3fc-2c963f66afa7";
    let number = find(&sim, "405").await;
    post(&sim, "IncomingPhoneNumbers", &[("PhoneNumber", &number)]).await;
    let text = [("To", CUSTOMER), ("From", number.as_str()), ("Body", "x")];
    assert_eq!(post(&sim, "Messages", &text).await.json["code"], 21717);
    assert!(
        !sim.inbound_sms(CUSTOMER, &number, "hello")
            .await
            .warnings
            .is_empty()
    );

    let orders = format!("/api/relay/rest/registry/beta/campaigns/{campaign}/orders");
    let refused = post_json(&sim, &orders, json!({ "phone_numbers": ["+14055550199"] })).await;
    assert_eq!(
        (refused.status, &refused.json["errors"][0]["code"]),
        (422, &json!("not_available_for_assignment"))
    );
    let order = post_json(&sim, &orders, json!({ "phone_numbers": [number] })).await;
    assert_eq!((order.status, &order.json["state"]), (200, &json!("pending")));
    sim.settle().await;
    let order = get(
        &sim,
        &format!(
            "/api/relay/rest/registry/beta/orders/{}",
            order.json["id"].as_str().unwrap()
        ),
    )
    .await;
    assert_eq!(order.json["state"], "processed");
    let numbers = get(
        &sim,
        &format!("/api/relay/rest/registry/beta/campaigns/{campaign}/numbers"),
    )
    .await;
    assert_eq!(numbers.json["data"][0]["state"], "completed");
    assert_eq!(numbers.json["data"][0]["phone_number"]["number"], number);
    assert_eq!(post(&sim, "Messages", &text).await.status, 201);
    let id = numbers.json["data"][0]["id"].as_str().unwrap();
    assert_eq!(
        delete(&sim, &format!("/api/relay/rest/registry/beta/numbers/{id}"))
            .await
            .status,
        204
    );
    assert_eq!(post(&sim, "Messages", &text).await.json["code"], 21717);
    let missing = "/api/relay/rest/registry/beta/campaigns/00000000-0000-0000-0000-000000000000/numbers";
    assert_eq!(get(&sim, missing).await.json, json!({ "error": "Not Found" }));
}
