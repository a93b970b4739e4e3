//! Deliveries: repeated, at once, enveloped, broken, late.

use crate::support::{Shop, request, workspace};
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn twenty_deliveries_at_once_buy_one() {
    let shop = Shop::open(&[]).await;
    let id = Uuid::now_v7();
    let body = workspace("workspace.created", "e1", id, "pro").to_string();
    let other = workspace("workspace.plan_changed", "e2", id, "professional").to_string();
    let deliveries = (0..20).map(|at| {
        let body = if at % 2 == 0 { body.clone() } else { other.clone() };
        let shop = &shop;
        async move { shop.deliver(&[("r", &body)]).await }
    });
    futures_util::future::join_all(deliveries).await;
    assert_eq!(
        (shop.bought(), shop.asked("POST", "IncomingPhoneNumbers")),
        (1, 1)
    );
    assert_eq!(shop.fixture.row("provisioning_orders").await["state"], "active");
}

#[tokio::test]
async fn an_eventbridge_envelope() {
    let shop = Shop::open(&[]).await;
    let detail = workspace("workspace.created", "e1", Uuid::now_v7(), "pro");
    let envelope = json!({
        "version": "0", "id": "eb-1", "detail-type": "workspace.created", "source": "app", "account": "1",
        "time": "2026-01-01T00:00:00Z", "region": "us-east-1", "resources": [], "detail": detail
    });
    for _ in 0..2 {
        assert!(shop.put(&envelope).await);
        assert_eq!(shop.bought(), 1);
    }
}

#[tokio::test]
async fn poison_is_parked_alone() {
    let shop = Shop::open(&[]).await;
    let good = workspace("workspace.created", "e1", Uuid::now_v7(), "pro").to_string();
    let gold = workspace("workspace.created", "e2", Uuid::now_v7(), "gold").to_string();
    let unknown = workspace("workspace.exploded", "e3", Uuid::now_v7(), "pro").to_string();
    for _ in 0..2 {
        let failed = shop
            .deliver(&[
                ("r1", &gold),
                ("r2", &good),
                ("r3", &unknown),
                ("r4", "not json \u{0}"),
            ])
            .await;
        assert_eq!(failed, Vec::<String>::new());
        assert_eq!(shop.bought(), 1);
        let parked = shop.fixture.rows("parked_events order by record_id").await;
        assert_eq!(parked.len(), 3);
        assert!(
            parked[0]["reason"].as_str().unwrap().contains("subscriptionTier"),
            "{parked:?}"
        );
    }
    assert_eq!(shop.fixture.count("workspaces").await, 1);
}

#[tokio::test]
async fn a_database_that_is_away_asks_for_another_delivery() {
    let mut shop = Shop::open(&[]).await;
    let proxy = testkit::proxy::Proxy::start(&shop.fixture.database_url()).unwrap();
    let url = proxy.url(&shop.fixture.database_url());
    shop.fixture.set("DATABASE_URL", &url);
    shop.app = provision_trigger::App::start_with(shop.fixture.settings())
        .await
        .unwrap();
    proxy.refuse(true).await.unwrap();
    let event = workspace("workspace.created", "e1", Uuid::now_v7(), "pro");
    assert!(!shop.put(&event).await);
    assert_eq!(shop.bought(), 0);
    proxy.refuse(false).await.unwrap();
    assert!(shop.put(&event).await);
    assert_eq!(shop.bought(), 1);
}

#[tokio::test]
async fn a_request_is_one_order_per_event_and_meets_the_limit() {
    let shop = Shop::open(&[]).await;
    let id = Uuid::now_v7();
    assert!(shop.put(&workspace("workspace.created", "e1", id, "pro")).await);
    for _ in 0..2 {
        assert!(shop.put(&request("e2", id, "sales")).await);
        let refused = shop
            .fixture
            .row("provisioning_orders where event_id = 'e2'")
            .await;
        assert_eq!(refused["state"], "needs_attention");
        assert!(
            refused["reason"].as_str().unwrap().contains("number_limit"),
            "{refused}"
        );
    }
    shop.fixture
        .sql
        .execute("update workspaces set number_limit = 2", &[])
        .await
        .unwrap();
    for _ in 0..2 {
        assert!(shop.put(&request("e3", id, "support")).await);
        assert_eq!(
            shop.fixture
                .row("workspace_phone_numbers where number_type = 'support'")
                .await["status"],
            "active"
        );
    }
    assert_eq!(shop.bought(), 2);
    assert!(
        shop.put(&request("e4", Uuid::now_v7(), "sales")).await,
        "a request for a workspace that only the event knows"
    );
}

#[tokio::test]
async fn enterprise_has_ten() {
    let shop = Shop::open(&[]).await;
    let id = Uuid::now_v7();
    assert!(
        shop.put(&workspace("workspace.created", "e0", id, "enterprise"))
            .await
    );
    for at in 1..=11 {
        assert!(shop.put(&request(&format!("e{at}"), id, "custom")).await);
    }
    assert_eq!(shop.bought(), 10);
    assert_eq!(
        shop.fixture
            .count("provisioning_orders where state = 'needs_attention'")
            .await,
        2
    );
}

#[tokio::test]
async fn late_events_and_shared_slugs_change_nothing() {
    let shop = Shop::open(&[]).await;
    let id = Uuid::now_v7();
    let at = |kind: &str, event_id: &str, tier: &str, time: &str| {
        let mut event = workspace(kind, event_id, id, tier);
        event["occurredAt"] = json!(time);
        event
    };
    assert!(
        shop.put(&at("workspace.created", "e1", "starter", "2026-01-01T00:00:00Z"))
            .await
    );
    assert!(
        shop.put(&at("workspace.plan_changed", "e2", "pro", "2026-01-03T00:00:00Z"))
            .await
    );
    assert!(
        shop.put(&at(
            "workspace.plan_changed",
            "e3",
            "starter",
            "2026-01-02T00:00:00Z"
        ))
        .await
    );
    assert_eq!(
        shop.fixture.row("workspaces").await["subscription_tier"],
        "professional"
    );
    assert_eq!(
        shop.fixture.row("workspace_phone_numbers").await["status"],
        "active"
    );
    let mut twin = workspace("workspace.created", "e4", Uuid::now_v7(), "starter");
    twin["workspace"]["slug"] = json!(format!("acme-{id}"));
    assert!(shop.put(&twin).await);
    assert_eq!(shop.fixture.count("workspaces").await, 2);
    // another workspace's Clerk organization is nobody else's
    let mut thief = workspace("workspace.created", "e5", Uuid::now_v7(), "starter");
    thief["workspace"]["clerkOrganizationId"] = json!(format!("org_{id}"));
    assert!(shop.put(&thief).await);
    assert_eq!(
        (
            shop.fixture.count("workspaces").await,
            shop.fixture.count("parked_events").await
        ),
        (2, 1)
    );
}
