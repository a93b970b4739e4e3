//! Events that come again, late, or crossing each other.

use crate::support::{Shop, workspace};
use serde_json::{Value, json};
use uuid::Uuid;

async fn tier_and_status(shop: &Shop) -> (Value, Value) {
    let tenant = shop.fixture.row("workspaces").await;
    let number = shop
        .fixture
        .row("workspace_phone_numbers where status <> 'released'")
        .await;
    (tenant["subscription_tier"].clone(), number["status"].clone())
}

#[tokio::test]
async fn what_was_given_back_is_not_bought_again() {
    let shop = Shop::open(&[]).await;
    let id = Uuid::now_v7();
    let created = workspace("workspace.created", "e1", id, "pro");
    assert!(shop.put(&created).await);
    let number = shop.fixture.row("workspace_phone_numbers").await;
    shop.fixture
        .simulator
        .advance(std::time::Duration::from_secs(15 * 86_400));
    let release = json!({ "id": "e2", "type": "phone_number.release_requested", "workspace": { "id": id }, "phoneNumberId": number["id"] });
    assert!(shop.put(&release).await);
    assert_eq!(shop.bought(), 0);
    let again = [
        ("the same event", created.clone()),
        (
            "under another id",
            workspace("workspace.created", "e9", id, "pro"),
        ),
        (
            "a new name",
            json!({ "id": "e3", "type": "workspace.plan_changed", "workspace": { "id": id, "name": "New Name" } }),
        ),
        (
            "the plan that it has",
            workspace("workspace.plan_changed", "e4", id, "pro"),
        ),
        (
            "a plan that has numbers as well",
            workspace("workspace.plan_changed", "e5", id, "enterprise"),
        ),
    ];
    for (name, event) in again {
        for _ in 0..2 {
            assert!(shop.put(&event).await);
            assert_eq!(
                (shop.bought(), shop.asked("POST", "IncomingPhoneNumbers")),
                (0, 1),
                "{name}"
            );
        }
    }
    // Starter, and back: a plan with numbers begins anew
    for (event_id, tier) in [("e6", "starter"), ("e7", "pro")] {
        assert!(
            shop.put(&workspace("workspace.plan_changed", event_id, id, tier))
                .await
        );
    }
    assert_eq!(shop.bought(), 1);
}

#[tokio::test]
async fn what_was_applied_undoes_nothing_when_it_comes_again() {
    let shop = Shop::open(&[]).await;
    let id = Uuid::now_v7();
    let created = workspace("workspace.created", "e1", id, "pro");
    let upgraded = workspace("workspace.plan_changed", "e2", id, "enterprise");
    let downgraded = workspace("workspace.plan_changed", "e3", id, "starter");
    for event in [&created, &upgraded, &downgraded] {
        assert!(shop.put(event).await);
    }
    let left = ("starter".into(), "suspended".into());
    assert_eq!(tier_and_status(&shop).await, left);
    let created_again = workspace("workspace.created", "e4", id, "pro");
    for event in [&created, &upgraded, &created_again, &downgraded] {
        assert!(shop.put(event).await);
        assert_eq!(tier_and_status(&shop).await, left, "{event}");
    }
}

#[tokio::test]
async fn a_creation_that_comes_late_takes_no_plan_away() {
    let shop = Shop::open(&[]).await;
    let id = Uuid::now_v7();
    assert!(
        shop.put(&workspace("workspace.plan_changed", "e2", id, "pro"))
            .await
    );
    for event_id in ["e1", "e1", "e0"] {
        assert!(
            shop.put(&workspace("workspace.created", event_id, id, "starter"))
                .await
        );
        assert_eq!(
            tier_and_status(&shop).await,
            ("professional".into(), "active".into()),
            "{event_id}"
        );
    }
}

#[tokio::test]
async fn an_upgrade_after_the_end_restores() {
    let shop = Shop::open(&[]).await;
    let id = Uuid::now_v7();
    for (kind, event_id, tier) in [
        ("workspace.created", "e1", "pro"),
        ("workspace.deleted", "e2", "pro"),
    ] {
        assert!(shop.put(&workspace(kind, event_id, id, tier)).await);
    }
    assert_eq!(shop.fixture.row("workspaces").await["is_active"], false);
    for _ in 0..2 {
        assert!(
            shop.put(&workspace("workspace.plan_changed", "e3", id, "enterprise"))
                .await
        );
        assert_eq!(
            tier_and_status(&shop).await,
            ("enterprise".into(), "active".into())
        );
        assert_eq!(shop.fixture.row("workspaces").await["is_active"], true);
        assert_eq!(
            (shop.bought(), shop.asked("POST", "IncomingPhoneNumbers")),
            (1, 1)
        );
    }
}

/// One plan ends because the next one has begun; the two events come in either order, and each again.
#[tokio::test]
async fn the_end_of_a_plan_that_was_left_changes_nothing() {
    for order in [["begins", "ends"], ["ends", "begins"]] {
        let shop = Shop::open(&[]).await;
        let id = Uuid::now_v7();
        let at = |mut event: Value, time: &str| {
            event["occurredAt"] = time.into();
            event
        };
        let begins = workspace("workspace.plan_changed", "e2", id, "enterprise");
        let mut ends = workspace("workspace.plan_changed", "e3", id, "starter");
        ends["endedTier"] = "pro".into();
        let begins = at(begins, "2026-01-02T00:00:00Z");
        let mut ends = at(ends, "2026-01-02T00:00:01Z");
        let created = workspace("workspace.created", "e1", id, "pro");
        assert!(shop.put(&at(created, "2026-01-01T00:00:00Z")).await);
        for _ in 0..2 {
            for event in order {
                assert!(shop.put(if event == "begins" { &begins } else { &ends }).await);
            }
        }
        assert_eq!(
            tier_and_status(&shop).await,
            ("enterprise".into(), "active".into()),
            "{order:?}"
        );
        ends["id"] = "e4".into();
        ends["endedTier"] = "enterprise".into();
        ends["occurredAt"] = "2026-01-03T00:00:00Z".into();
        assert!(shop.put(&ends).await);
        assert_eq!(
            tier_and_status(&shop).await,
            ("starter".into(), "suspended".into()),
            "the end of the plan that it has counts"
        );
    }
}

/// What says nothing of a plan does not make the event that does too old.
#[tokio::test]
async fn a_plan_that_comes_after_a_newer_name_counts() {
    let shop = Shop::open(&[]).await;
    let id = Uuid::now_v7();
    let renamed = json!({ "id": "e2", "type": "workspace.plan_changed", "occurredAt": "2026-01-02T00:00:00Z",
        "workspace": { "id": id, "name": "New Name" } });
    let mut created = workspace("workspace.created", "e1", id, "pro");
    created["occurredAt"] = "2026-01-01T00:00:00Z".into();
    for event in [&renamed, &created, &renamed, &created] {
        assert!(shop.put(event).await);
    }
    let tenant = shop.fixture.row("workspaces").await;
    assert_eq!(
        (&tenant["name"], &tenant["subscription_tier"], shop.bought()),
        (&"New Name".into(), &"professional".into(), 1)
    );
}
