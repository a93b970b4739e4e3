//! Search, choice, purchase.

use crate::support::{Shop, workspace};
use devstack::fixture::APP_URL;
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn a_paying_workspace_gets_its_number() {
    let shop = Shop::open(&[]).await;
    let id = Uuid::now_v7();
    for _ in 0..2 {
        assert!(shop.put(&workspace("workspace.created", "e1", id, "pro")).await);
        let order = shop.fixture.row("provisioning_orders").await;
        assert_eq!(
            (&order["state"], &order["reason"], &order["number_type"]),
            (&"active".into(), &json!(null), &"primary".into())
        );
        let number = shop.fixture.row("workspace_phone_numbers").await;
        assert_eq!(
            (&number["status"], &number["number_type"], &number["workspace_id"]),
            (&"active".into(), &"primary".into(), &json!(id))
        );
        let phone_number = number["phone_number"].as_str().unwrap().to_owned();
        assert!(phone_number.starts_with("+1405"), "{phone_number}");
        let owned = shop.fixture.simulator.number(&phone_number).unwrap();
        assert_eq!(number["phone_number_sid"], owned.sid);
        assert!(
            owned.friendly_name.starts_with("Acme")
                && owned.friendly_name.contains(order["id"].as_str().unwrap())
        );
        let hook = |name: &str| {
            owned
                .purchase_params
                .0
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
        };
        for (field, tail) in [
            ("SmsUrl", "sms"),
            ("VoiceUrl", "voice"),
            ("StatusCallback", "status"),
            ("SmsFallbackUrl", "fallback/sms"),
            ("VoiceFallbackUrl", "fallback/voice"),
        ] {
            assert_eq!(
                hook(field),
                Some(format!("{APP_URL}/api/webhooks/signalwire/{tail}")),
                "{field}"
            );
        }
        for field in [
            "SmsMethod",
            "VoiceMethod",
            "StatusCallbackMethod",
            "SmsFallbackMethod",
            "VoiceFallbackMethod",
        ] {
            assert_eq!(hook(field).as_deref(), Some("POST"), "{field}");
        }
        assert_eq!(
            number["sms_url"],
            format!("{APP_URL}/api/webhooks/signalwire/sms")
        );
    }
    assert_eq!(
        (shop.bought(), shop.asked("POST", "IncomingPhoneNumbers")),
        (1, 1)
    );
    assert!(owned_has_voice_and_sms(&shop));
    let success = shop.fixture.row("provisioning_success").await;
    assert_eq!(
        (&success["workspaces"], &success["with_numbers"]),
        (&1.into(), &1.into())
    );
}

fn owned_has_voice_and_sms(shop: &Shop) -> bool {
    shop.fixture
        .simulator
        .ledger()
        .numbers
        .iter()
        .all(|number| number.voice && number.sms)
}

#[tokio::test]
async fn starter_gets_none() {
    let shop = Shop::open(&[]).await;
    assert!(
        shop.put(&workspace("workspace.created", "e1", Uuid::now_v7(), "free"))
            .await
    );
    assert_eq!(
        (
            shop.bought(),
            shop.fixture.count("provisioning_orders").await,
            shop.fixture.count("workspaces").await
        ),
        (0, 0, 1)
    );
}

#[tokio::test]
async fn the_search_widens_to_region_and_country() {
    for (code, prefixes) in [
        ("907", &["+1"][..]),
        ("909", &["+1415", "+1628"][..]),
        ("416", &["+1416"][..]),
    ] {
        let shop = Shop::open(&[]).await;
        let mut event = workspace("workspace.created", "e1", Uuid::now_v7(), "enterprise");
        event["areaCode"] = json!(code);
        assert!(shop.put(&event).await);
        let number = shop.fixture.row("workspace_phone_numbers").await;
        let number = number["phone_number"].as_str().unwrap();
        assert!(
            prefixes.iter().any(|prefix| number.starts_with(prefix)),
            "{code}: {number}"
        );
        assert!(owned_has_voice_and_sms(&shop));
    }
}

#[tokio::test]
async fn without_an_area_code_the_workspaces_own_then_the_default() {
    let shop = Shop::open(&[("DEFAULT_AREA_CODE", "212")]).await;
    let mut event = workspace("workspace.created", "e1", Uuid::now_v7(), "pro");
    event.as_object_mut().unwrap().remove("areaCode");
    assert!(shop.put(&event).await);
    assert!(
        shop.fixture.row("workspace_phone_numbers").await["phone_number"]
            .as_str()
            .unwrap()
            .starts_with("+1212")
    );
}

#[tokio::test]
async fn a_candidate_that_is_gone_is_followed_by_the_next() {
    let shop = Shop::open(&[]).await;
    let mut event = workspace("workspace.created", "e1", Uuid::now_v7(), "pro");
    event["areaCode"] = json!("209"); // every number there is gone at its purchase
    assert!(shop.put(&event).await || shop.put(&event).await);
    let order = shop.fixture.row("provisioning_orders").await;
    assert_eq!(order["state"], "active", "{order}");
    assert_eq!(shop.bought(), 1);
    assert!(shop.asked("POST", "IncomingPhoneNumbers") > 1);
}

#[tokio::test]
async fn no_balance_needs_a_person_and_a_retry_cures_it() {
    let shop = Shop::open(&[]).await;
    let id = Uuid::now_v7();
    let mut event = workspace("workspace.created", "e1", id, "pro");
    event["areaCode"] = json!("213"); // no balance there
    assert!(shop.put(&event).await);
    let order = shop.fixture.row("provisioning_orders").await;
    assert_eq!((&order["state"], shop.bought()), (&"needs_attention".into(), 0));
    assert!(order["reason"].as_str().unwrap().contains("balance"), "{order}");
    // a repeat of the event does not spend a second try; a person's request does
    let tries = shop.asked("POST", "IncomingPhoneNumbers");
    assert!(shop.put(&event).await);
    assert_eq!(shop.asked("POST", "IncomingPhoneNumbers"), tries);
    shop.fixture
        .sql
        .execute("update provisioning_orders set area_code = '405'", &[])
        .await
        .unwrap();
    let retry = json!({ "id": "e2", "type": "order.retry_requested", "workspace": { "id": id }, "orderId": order["id"] });
    for _ in 0..2 {
        assert!(shop.put(&retry).await);
        assert_eq!(shop.fixture.row("provisioning_orders").await["state"], "active");
    }
    assert_eq!(shop.bought(), 1);
}

#[tokio::test]
async fn nothing_for_sale_says_so() {
    let shop = Shop::open(&[]).await;
    shop.fixture.simulator.set_stock(Vec::new());
    assert!(
        shop.put(&workspace("workspace.created", "e1", Uuid::now_v7(), "pro"))
            .await
    );
    let order = shop.fixture.row("provisioning_orders").await;
    assert_eq!(order["state"], "needs_attention");
    assert!(order["reason"].as_str().unwrap().contains("405"), "{order}");
    assert_eq!(
        shop.fixture.count("workspaces where is_active").await,
        1,
        "the workspace itself never fails"
    );
}

#[tokio::test]
async fn a_campaign_is_asked_for_and_its_answer_followed() {
    let campaign = Uuid::now_v7().to_string();
    let shop = Shop::open(&[("SIGNALWIRE_CAMPAIGN_ID", &campaign)]).await;
    assert!(
        shop.put(&workspace("workspace.created", "e1", Uuid::now_v7(), "pro"))
            .await
    );
    let readiness = shop.fixture.row("phone_number_readiness").await;
    assert_eq!(readiness["messaging_readiness"], "pending");
    assert!(readiness["campaign_order_id"].is_string(), "{readiness}");
    let number = readiness["phone_number_id"].as_str().unwrap();
    let callback = shop.fixture.simulator.ledger().orders[0]
        .status_callback_url
        .clone();
    assert!(
        callback
            .as_deref()
            .is_some_and(|url| url.ends_with(&format!("/status/campaign/{number}"))),
        "{callback:?}"
    );
    assert_eq!(shop.fixture.row("provisioning_orders").await["state"], "active");
}

/// A number at the carrier that an order bought and nobody got.
async fn leave_a_spare(shop: &Shop) -> String {
    let id = Uuid::now_v7();
    assert!(shop.put(&workspace("workspace.created", "e0", id, "pro")).await);
    let number = shop.fixture.row("workspace_phone_numbers").await;
    for sql in [
        "update provisioning_orders set state = 'canceled', phone_number_id = null",
        "insert into spare_numbers (phone_number, phone_number_sid, order_id, reason)
         select n.phone_number, n.phone_number_sid, o.id, 'left' from workspace_phone_numbers n, provisioning_orders o",
        "delete from phone_number_readiness",
        "delete from workspace_phone_numbers",
    ] {
        shop.fixture.sql.execute(sql, &[]).await.unwrap();
    }
    number["phone_number"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_spare_is_taken_before_anything_is_bought() {
    let shop = Shop::open(&[]).await;
    let spare = leave_a_spare(&shop).await;
    let id = Uuid::now_v7();
    let mut event = workspace("workspace.created", "e1", id, "pro");
    event["workspace"]["name"] = "Beta".into();
    for _ in 0..2 {
        assert!(shop.put(&event).await);
        assert_eq!(
            (shop.bought(), shop.asked("POST", "IncomingPhoneNumbers")),
            (1, 2),
            "one purchase for the first order, one new name for the second"
        );
        let number = shop.fixture.row("workspace_phone_numbers").await;
        assert_eq!(
            (&number["phone_number"], &number["workspace_id"]),
            (&spare.clone().into(), &id.to_string().into())
        );
        let name = shop.fixture.simulator.number(&spare).unwrap().friendly_name;
        assert!(name.starts_with("Beta [order "), "{name}");
        assert_eq!(shop.fixture.count("spare_numbers").await, 0);
    }
}

#[tokio::test]
async fn a_spare_that_is_elsewhere_on_its_way_back_or_gone_is_not_taken() {
    for (change, left) in [
        ("update spare_numbers set phone_number = '+12125550100'", 1),
        (
            "update spare_numbers set leased_until = now() + interval '1 minute'",
            1,
        ),
        ("update spare_numbers set phone_number_sid = 'gone'", 0),
    ] {
        let shop = Shop::open(&[]).await;
        let spare = leave_a_spare(&shop).await;
        shop.fixture.sql.execute(change, &[]).await.unwrap();
        let id = Uuid::now_v7();
        assert!(shop.put(&workspace("workspace.created", "e1", id, "pro")).await);
        let number = shop.fixture.row("workspace_phone_numbers").await;
        assert_ne!(number["phone_number"], spare, "{change}");
        assert_eq!(shop.bought(), 2, "{change}");
        assert_eq!(
            shop.fixture
                .count("spare_numbers where released_at is null")
                .await,
            left,
            "{change}"
        );
    }
}
