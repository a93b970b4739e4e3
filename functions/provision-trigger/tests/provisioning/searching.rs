//! Searches that are refused or answered oddly, and candidates that are gone.

use crate::support::{Shop, workspace};
use serde_json::{Value, json};
use simulator::{Fault, Operation, Purchase, StockNumber, When};
use uuid::Uuid;

const CAUSE: &str = "Invalid area code";

fn stock(numbers: impl Iterator<Item = u32>, purchase: Purchase) -> Vec<StockNumber> {
    numbers
        .map(|at| StockNumber {
            purchase,
            ..StockNumber::local(format!("+1405225{at:04}"), "OK")
        })
        .collect()
}

/// The numbers that a purchase was asked of, in order.
fn tried(shop: &Shop) -> Vec<String> {
    let requests = shop.fixture.simulator.ledger().requests;
    requests
        .iter()
        .filter(|request| request.operation == Some(Operation::Purchase))
        .filter_map(|request| request.params.get("PhoneNumber").map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn a_step_that_is_refused_is_followed_by_the_next() {
    for code in [21451, 21421] {
        let shop = Shop::open(&[]).await;
        shop.fixture
            .simulator
            .fail_next(Operation::Search, Fault::code(400, code, CAUSE));
        assert!(
            shop.put(&workspace("workspace.created", "e1", Uuid::now_v7(), "pro"))
                .await
        );
        let order = shop.fixture.row("provisioning_orders").await;
        assert_eq!((&order["state"], shop.bought()), (&"active".into(), 1), "{order}");
        assert_eq!(
            shop.asked("GET", "AvailablePhoneNumbers"),
            2,
            "the region has one"
        );
    }
}

#[tokio::test]
async fn a_search_that_is_refused_everywhere_says_why() {
    let shop = Shop::open(&[]).await;
    // a text that Postgres would not take
    let refusal = Fault::code(422, 21421, &format!("{CAUSE}\0"));
    shop.fixture.simulator.fail_always(Operation::Search, refusal);
    let id = Uuid::now_v7();
    assert!(shop.put(&workspace("workspace.created", "e1", id, "pro")).await);
    let order = shop.fixture.row("provisioning_orders").await;
    assert_eq!((&order["state"], shop.bought()), (&"needs_attention".into(), 0));
    let reason = order["reason"].as_str().unwrap();
    assert!(
        reason.contains("21421") && reason.contains(&format!("{CAUSE}\u{fffd}")),
        "{reason}"
    );
    shop.fixture.simulator.clear_faults();
    let retry = json!({ "id": "e2", "type": "order.retry_requested", "workspace": { "id": id }, "orderId": order["id"] });
    assert!(shop.put(&retry).await);
    assert_eq!(
        (
            &shop.fixture.row("provisioning_orders").await["state"],
            shop.bought()
        ),
        (&"active".into(), 1)
    );
}

#[tokio::test]
async fn many_that_are_gone_are_followed_by_the_one_that_is_not() {
    let shop = Shop::open(&[]).await;
    let mut numbers = stock(0..12, Purchase::Gone);
    numbers.extend(stock(12..13, Purchase::Sold));
    shop.fixture.simulator.set_stock(numbers.clone());
    assert!(
        shop.put(&workspace("workspace.created", "e1", Uuid::now_v7(), "pro"))
            .await
    );
    let order = shop.fixture.row("provisioning_orders").await;
    assert_eq!((&order["state"], shop.bought()), (&"active".into(), 1), "{order}");
    let all: Vec<String> = numbers.into_iter().map(|number| number.phone_number).collect();
    assert_eq!(tried(&shop), all, "each once");
}

#[tokio::test]
async fn a_later_try_begins_behind_the_number_that_was_refused_last() {
    let shop = Shop::open(&[]).await;
    let mut numbers = stock(0..6, Purchase::Gone);
    numbers.extend(stock(6..7, Purchase::Sold));
    shop.fixture.simulator.set_stock(numbers);
    shop.fixture
        .simulator
        .fail_next(Operation::Search, Fault::status(500));
    let event = workspace("workspace.created", "e1", Uuid::now_v7(), "pro");
    assert!(!shop.put(&event).await);
    let left = "update provisioning_orders set phone_number = '+14052250004'";
    shop.fixture.sql.execute(left, &[]).await.unwrap();
    assert!(shop.put(&event).await);
    assert_eq!(tried(&shop), ["+14052250004", "+14052250005", "+14052250006"]);
    assert_eq!(shop.bought(), 1);
    assert_eq!(shop.fixture.row("provisioning_orders").await["state"], "active");
}

#[tokio::test]
async fn odd_rows_of_a_search_are_left_out() {
    let shop = Shop::open(&[]).await;
    shop.fixture.simulator.set_stock(stock(0..1, Purchase::Sold));
    let can = json!({ "voice": true, "SMS": true });
    let rows: Vec<Value> = vec![
        json!(null),
        json!({ "phone_number": "+1405", "region": "OK", "capabilities": can }),
        json!({ "phone_number": null, "capabilities": can }),
        json!({ "phone_number": "+14052250001", "region": "OK", "capabilities": null }),
        json!({ "phone_number": "+14052250002", "region": "OK", "capabilities": ["voice", "SMS"] }),
        json!({ "phone_number": "+14052250003", "region": "OK", "capabilities": { "voice": "true", "SMS": null } }),
        json!({ "phone_number": "+14052250000", "region": "OK", "capabilities": can }),
    ];
    let answer = Fault::Answer {
        status: 200,
        body: json!({ "available_phone_numbers": rows }).to_string(),
        when: When::Before,
    };
    shop.fixture.simulator.fail_next(Operation::Search, answer);
    assert!(
        shop.put(&workspace("workspace.created", "e1", Uuid::now_v7(), "pro"))
            .await
    );
    assert_eq!(tried(&shop), ["+14052250000"]);
    assert_eq!(shop.bought(), 1);
}
