//! Upgrades, downgrades, the end.

use crate::support::{Shop, workspace};
use serde_json::json;
use simulator::{Fault, Operation};
use std::time::Duration;
use uuid::Uuid;

#[tokio::test]
async fn an_upgrade_buys_a_downgrade_suspends_and_coming_back_restores() {
    let shop = Shop::open(&[("RELEASE_GRACE_DAYS", "7")]).await;
    let id = Uuid::now_v7();
    assert!(
        shop.put(&workspace("workspace.created", "e1", id, "starter"))
            .await
    );
    assert_eq!(shop.bought(), 0);
    assert!(
        shop.put(&workspace("workspace.plan_changed", "e2", id, "pro"))
            .await
    );
    assert_eq!(shop.bought(), 1);
    let mut fixed = None;
    for event_id in ["e3", "e3", "e4"] {
        assert!(
            shop.put(&workspace("workspace.plan_changed", event_id, id, "starter"))
                .await
        );
        assert_eq!(
            shop.fixture.row("workspace_phone_numbers").await["status"],
            "suspended"
        );
        let release = shop.fixture.row("phone_number_releases").await;
        assert_eq!(
            fixed.get_or_insert(release["release_at"].clone()),
            &release["release_at"],
            "the date is fixed when it starts"
        );
    }
    for event_id in ["e5", "e5"] {
        assert!(
            shop.put(&workspace("workspace.plan_changed", event_id, id, "enterprise"))
                .await
        );
        assert_eq!(
            shop.fixture.row("workspace_phone_numbers").await["status"],
            "active"
        );
        assert_eq!(shop.fixture.count("phone_number_releases").await, 0);
    }
    assert_eq!(
        (shop.bought(), shop.asked("POST", "IncomingPhoneNumbers")),
        (1, 1)
    );
    assert!(
        shop.put(&workspace("workspace.deleted", "e6", id, "enterprise"))
            .await
    );
    assert_eq!(
        shop.fixture.row("workspace_phone_numbers").await["status"],
        "suspended"
    );
    assert_eq!(shop.fixture.row("workspaces").await["is_active"], false);
    assert!(
        shop.put(&workspace("workspace.created", "e1", id, "pro")).await,
        "a late repeat revives nothing"
    );
    assert_eq!(
        shop.fixture.row("workspace_phone_numbers").await["status"],
        "suspended"
    );
}

#[tokio::test]
async fn a_release_on_request_waits_for_the_carrier() {
    let shop = Shop::open(&[]).await;
    let id = Uuid::now_v7();
    assert!(shop.put(&workspace("workspace.created", "e1", id, "pro")).await);
    let number = shop.fixture.row("workspace_phone_numbers").await;
    let release = json!({ "id": "e2", "type": "phone_number.release_requested", "workspace": { "id": id }, "phoneNumberId": number["id"] });
    for _ in 0..2 {
        assert!(shop.put(&release).await);
        assert_eq!(
            (
                &shop.fixture.row("workspace_phone_numbers").await["status"],
                shop.bought()
            ),
            (&"suspended".into(), 1)
        );
    }
    let waiting = shop.fixture.row("phone_number_releases").await;
    assert!(
        waiting["last_error"].as_str().unwrap().contains("22121"),
        "{waiting}"
    );
    shop.fixture.simulator.advance(Duration::from_secs(15 * 86_400));
    shop.fixture
        .sql
        .execute("update phone_number_releases set next_attempt_at = now()", &[])
        .await
        .unwrap();
    for _ in 0..2 {
        assert!(shop.put(&release).await);
        let number = shop.fixture.row("workspace_phone_numbers").await;
        assert_eq!((&number["status"], shop.bought()), (&"released".into(), 0));
        assert!(number["released_at"].is_string());
    }
    // a number of somebody else
    let foreign = json!({ "id": "e3", "type": "phone_number.release_requested", "workspace": { "id": Uuid::now_v7() }, "phoneNumberId": number["id"] });
    assert!(shop.put(&foreign).await);
    assert_eq!(shop.fixture.count("parked_events").await, 1);
}

#[tokio::test]
async fn what_is_bought_for_a_workspace_that_left_meanwhile_is_suspended_and_due() {
    for leaving in ["workspace.plan_changed", "workspace.deleted"] {
        let shop = Shop::open(&[("RELEASE_GRACE_DAYS", "7")]).await;
        let id = Uuid::now_v7();
        let created = workspace("workspace.created", "e1", id, "pro");
        shop.fixture
            .simulator
            .fail_next(Operation::Purchase, Fault::Delay { milliseconds: 1500 });
        let meanwhile = async {
            while shop
                .fixture
                .count("provisioning_orders where state = 'purchasing'")
                .await
                == 0
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            assert!(shop.put(&workspace(leaving, "e2", id, "starter")).await);
        };
        let (bought, ()) = tokio::join!(shop.put(&created), meanwhile);
        assert!(bought, "{leaving}");
        assert_eq!(
            (
                shop.bought(),
                &shop.fixture.row("workspace_phone_numbers").await["status"]
            ),
            (1, &"suspended".into()),
            "{leaving}"
        );
        let days = "select round(extract(epoch from release_at - now()) / 86400)::integer, reason from phone_number_releases";
        let due = shop.fixture.sql.query_one(days, &[]).await.unwrap();
        assert_eq!(
            (due.get::<_, i32>(0), due.get::<_, &str>(1)),
            (7, "plan"),
            "{leaving}"
        );
        if leaving == "workspace.plan_changed" {
            assert!(
                shop.put(&workspace("workspace.plan_changed", "e3", id, "pro"))
                    .await
            );
            assert_eq!(
                (
                    shop.bought(),
                    &shop.fixture.row("workspace_phone_numbers").await["status"]
                ),
                (1, &"active".into())
            );
        }
    }
}

#[tokio::test]
async fn a_number_that_the_carrier_does_not_have_counts_as_released() {
    let shop = Shop::open(&[]).await;
    let id = Uuid::now_v7();
    assert!(shop.put(&workspace("workspace.created", "e1", id, "pro")).await);
    let number = shop.fixture.row("workspace_phone_numbers").await;
    let release = json!({ "id": "e2", "type": "phone_number.release_requested", "workspace": { "id": id }, "phoneNumberId": number["id"] });
    shop.fixture
        .simulator
        .fail_next(Operation::Release, Fault::status(404));
    assert!(shop.put(&release).await);
    let number = shop.fixture.row("workspace_phone_numbers").await;
    assert_eq!(number["status"], "released");
    assert!(shop.fixture.row("phone_number_releases").await["released_at"].is_string());
}

async fn numbers(shop: &Shop) -> Vec<(String, String)> {
    let rows = shop
        .fixture
        .rows("workspace_phone_numbers order by provisioned_at, id")
        .await;
    let text = |row: &serde_json::Value, name: &str| row[name].as_str().unwrap().to_owned();
    rows.iter()
        .map(|row| (text(row, "number_type"), text(row, "status")))
        .collect()
}

#[tokio::test]
async fn a_smaller_plan_keeps_as_many_as_it_allows() {
    let shop = Shop::open(&[("RELEASE_GRACE_DAYS", "7")]).await;
    let id = Uuid::now_v7();
    let pairs = |statuses: [&str; 3]| {
        let types = ["primary", "sales", "support"];
        let pairs = types.iter().zip(statuses);
        pairs
            .map(|(kind, status)| ((*kind).to_owned(), status.to_owned()))
            .collect::<Vec<_>>()
    };
    assert!(
        shop.put(&workspace("workspace.created", "e1", id, "enterprise"))
            .await
    );
    for kind in ["sales", "support"] {
        let order = json!({ "id": kind, "type": "phone_number.requested", "workspace": { "id": id }, "numberType": kind });
        assert!(shop.put(&order).await);
    }
    assert_eq!(numbers(&shop).await, pairs(["active"; 3]));
    // one more that nobody sells: it waits, and does not outlive the plan
    let waiting = json!({ "id": "custom", "type": "phone_number.requested", "workspace": { "id": id }, "numberType": "custom" });
    shop.fixture
        .simulator
        .fail_always(Operation::Search, Fault::status(500));
    shop.put(&waiting).await;
    shop.fixture.simulator.clear_faults();

    let mut fixed = None;
    for event_id in ["e2", "e2", "e3"] {
        assert!(
            shop.put(&workspace("workspace.plan_changed", event_id, id, "pro"))
                .await
        );
        assert_eq!(numbers(&shop).await, pairs(["active", "suspended", "suspended"]));
        let dates = shop
            .fixture
            .rows("phone_number_releases order by phone_number_id")
            .await;
        let dates: Vec<_> = dates.iter().map(|row| row["release_at"].clone()).collect();
        assert_eq!(dates.len(), 2);
        assert_eq!(fixed.get_or_insert(dates.clone()), &dates, "fixed when it starts");
    }
    let order = shop
        .fixture
        .row("provisioning_orders where event_id = 'custom'")
        .await;
    assert_eq!(order["state"], "needs_attention");
    assert!(
        order["reason"].as_str().unwrap().starts_with("number_limit"),
        "{order}"
    );

    // what comes back is what the plan allows
    assert!(
        shop.put(&workspace("workspace.plan_changed", "e4", id, "starter"))
            .await
    );
    assert_eq!(numbers(&shop).await, pairs(["suspended"; 3]));
    assert!(
        shop.put(&workspace("workspace.plan_changed", "e5", id, "pro"))
            .await
    );
    assert_eq!(numbers(&shop).await, pairs(["active", "suspended", "suspended"]));
    for event_id in ["e6", "e6"] {
        assert!(
            shop.put(&workspace("workspace.plan_changed", event_id, id, "enterprise"))
                .await
        );
        assert_eq!(numbers(&shop).await, pairs(["active"; 3]));
    }
    assert_eq!(
        (shop.bought(), shop.fixture.count("phone_number_releases").await),
        (3, 0)
    );
}

#[tokio::test]
async fn a_retry_is_measured_against_the_plan_of_now_and_has_all_its_tries() {
    let shop = Shop::open(&[]).await;
    let id = Uuid::now_v7();
    assert!(
        shop.put(&workspace("workspace.created", "e1", id, "enterprise"))
            .await
    );
    shop.fixture.simulator.set_stock(Vec::new());
    let wish = json!({ "id": "e2", "type": "phone_number.requested", "workspace": { "id": id }, "numberType": "sales" });
    shop.put(&wish).await;
    let asked = "provisioning_orders where event_id = 'e2'";
    let order = shop.fixture.row(asked).await;
    assert_eq!(order["state"], "needs_attention", "{order}");
    shop.fixture
        .sql
        .execute(
            "update provisioning_orders set attempts = 12 where event_id = 'e2'",
            &[],
        )
        .await
        .unwrap();
    let retry = |event_id: &str| json!({ "id": event_id, "type": "order.retry_requested", "workspace": { "id": id }, "orderId": order["id"] });
    assert!(
        shop.put(&workspace("workspace.plan_changed", "e3", id, "pro"))
            .await
    );
    for event_id in ["e4", "e4"] {
        assert!(shop.put(&retry(event_id)).await);
        let order = shop.fixture.row(asked).await;
        assert_eq!(order["state"], "needs_attention");
        assert!(
            order["reason"].as_str().unwrap().starts_with("number_limit"),
            "{order}"
        );
    }
    assert!(
        shop.put(&workspace("workspace.plan_changed", "e5", id, "enterprise"))
            .await
    );
    shop.fixture
        .simulator
        .fail_always(Operation::Search, Fault::status(500));
    shop.put(&retry("e6")).await;
    let order = shop.fixture.row(asked).await;
    assert_eq!(
        (&order["state"], &order["attempts"]),
        (&"retrying".into(), &json!(1)),
        "{order}"
    );
}
