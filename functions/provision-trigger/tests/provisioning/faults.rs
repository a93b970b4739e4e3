//! A carrier that fails around the purchase: never two numbers, never one that nobody knows.

use crate::support::{Shop, workspace};
use simulator::{Fault, Operation, When};
use uuid::Uuid;

async fn converge(shop: &Shop, event: &serde_json::Value) {
    for _ in 0..6 {
        if shop.put(event).await {
            return;
        }
        let order = shop.fixture.row("provisioning_orders").await;
        assert_eq!(order["state"], "retrying", "{order}");
        assert!(
            order["next_attempt_at"].is_string() && order["reason"].is_string(),
            "{order}"
        );
    }
    panic!("not converged: {}", shop.fixture.row("provisioning_orders").await);
}

#[tokio::test]
async fn every_fault_at_every_request_ends_with_one_number() {
    let faults = [
        Fault::status(500),
        Fault::status_after(500),
        Fault::status(503),
        Fault::Close { when: When::Before },
        Fault::Close { when: When::After },
        Fault::Html,
        Fault::TruncatedJson,
        Fault::HugeBody,
        Fault::RateLimited {
            retry_after_seconds: Some(1),
        },
    ];
    for operation in [Operation::Search, Operation::Purchase, Operation::ListNumbers] {
        for fault in &faults {
            let shop = Shop::open(&[]).await;
            // the list is read only after a purchase went wrong
            if operation == Operation::ListNumbers {
                shop.fixture
                    .simulator
                    .fail_next(Operation::Purchase, Fault::status_after(500));
            }
            shop.fixture.simulator.fail_next(operation, fault.clone());
            converge(
                &shop,
                &workspace("workspace.created", "e1", Uuid::now_v7(), "pro"),
            )
            .await;
            let number = shop.fixture.row("workspace_phone_numbers").await;
            let owned = shop
                .fixture
                .simulator
                .number(number["phone_number"].as_str().unwrap());
            assert_eq!(
                (shop.bought(), owned.map(|owned| owned.sid)),
                (1, number["phone_number_sid"].as_str().map(str::to_owned)),
                "{operation:?} {fault:?}"
            );
            assert_eq!(shop.fixture.row("provisioning_orders").await["state"], "active");
        }
    }
}

#[tokio::test]
async fn credentials_that_are_refused_need_a_person() {
    let shop = Shop::open(&[]).await;
    shop.fixture.simulator.rotate_token("PT_another");
    assert!(
        shop.put(&workspace("workspace.created", "e1", Uuid::now_v7(), "pro"))
            .await
    );
    let order = shop.fixture.row("provisioning_orders").await;
    assert_eq!(order["state"], "needs_attention");
    assert!(
        order["reason"].as_str().unwrap().contains("SIGNALWIRE_TOKEN"),
        "{order}"
    );
}

#[tokio::test]
async fn somebody_elses_lease_is_respected_until_it_ends() {
    let shop = Shop::open(&[]).await;
    let event = workspace("workspace.created", "e1", Uuid::now_v7(), "pro");
    shop.fixture
        .simulator
        .fail_next(Operation::Search, Fault::status(500));
    assert!(!shop.put(&event).await);
    let lease = "update provisioning_orders set lease = gen_random_uuid(), leased_until = now() + interval '1 minute'";
    shop.fixture.sql.execute(lease, &[]).await.unwrap();
    assert!(shop.put(&event).await, "whoever holds the lease will see to it");
    assert_eq!(shop.bought(), 0);
    shop.fixture
        .sql
        .execute(
            "update provisioning_orders set leased_until = now() - interval '1 second'",
            &[],
        )
        .await
        .unwrap();
    assert!(shop.put(&event).await);
    assert_eq!(shop.bought(), 1);
}
