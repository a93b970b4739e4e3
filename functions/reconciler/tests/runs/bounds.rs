//! A carrier that is away, another run, and a run that ends early.

use crate::desk::{CUSTOMER, Desk, NUMBER};
use reconciler::App;
use serde_json::json;
use simulator::{Fault, Operation, PlatformNumber, When};
use std::time::Duration;
use uuid::Uuid;

#[tokio::test]
async fn a_carrier_that_is_away_is_a_problem_and_not_an_end() {
    let desk = Desk::open().await;
    desk.fixture
        .simulator
        .fail_always(Operation::Any, Fault::Close { when: When::Before });
    let report = desk.app.handle(&json!({})).await.unwrap();
    assert!(!report["problems"].as_array().unwrap().is_empty());
    assert_eq!(report["complete"], false);
    let run = desk.fixture.row("reconciler_runs").await;
    assert!(run["finished_at"].is_string(), "{run}");
    assert_eq!(run["report"], report);
    desk.fixture.simulator.clear_faults();
    desk.run().await;
}

#[tokio::test]
async fn two_runs_at_once_do_the_work_once() {
    let desk = Desk::open().await;
    desk.fixture
        .simulator
        .inbound_sms(CUSTOMER, NUMBER, "Hello")
        .await;
    let payload = json!({});
    let (one, two) = tokio::join!(desk.app.handle(&payload), desk.app.handle(&payload));
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(desk.fixture.count("conversation_messages").await, 1);
    assert_eq!(desk.fixture.count("reconciler_runs").await, 2);
}

#[tokio::test]
async fn a_run_without_time_leaves_its_work_to_the_next_one() {
    let mut desk = Desk::open().await;
    let sid = desk.carried("Hello").await;
    desk.outbound(Some(&sid), "queued", "Hello", 60.0).await;
    let second = desk.fixture.workspace("Beta", "professional", "org_2").await;
    let insert = "insert into provisioning_orders (id, workspace_id, origin, area_code) values ($1, $2, 'plan', '405')";
    desk.fixture
        .sql
        .execute(insert, &[&Uuid::now_v7(), &second])
        .await
        .unwrap();
    desk.app = desk.app.within(Duration::ZERO);
    let report = desk.app.handle(&json!({})).await.unwrap();
    assert_eq!(report["complete"], false, "{report}");
    assert_eq!(
        desk.fixture.row("provisioning_orders").await["state"],
        "requested"
    );
    let run = desk.fixture.row("reconciler_runs").await;
    assert!(run["finished_at"].is_string(), "{run}");
    desk.app = App::start_with(desk.fixture.settings()).await.unwrap();
    assert_eq!(desk.run().await["complete"], true);
    assert_eq!(desk.fixture.row("provisioning_orders").await["state"], "active");
    assert_eq!(
        desk.fixture.row("conversation_messages").await["status"],
        "delivered"
    );
}

#[tokio::test]
async fn a_comparison_that_was_cut_short_goes_on_where_it_stopped() {
    let mut desk = Desk::open().await;
    // the oldest stands on the third page of a thousand
    let missed = desk
        .fixture
        .simulator
        .inbound_sms(CUSTOMER, NUMBER, "Anybody there?")
        .await;
    desk.fixture
        .simulator
        .add_number(&PlatformNumber::new("+14055550999"));
    for _ in 0..2_000 {
        desk.fixture
            .simulator
            .inbound_sms(CUSTOMER, "+14055550999", "Somebody else's")
            .await;
    }
    let found = format!("conversation_messages where external_id = '{}'", missed.sid);
    desk.app = desk.app.within(Duration::ZERO);
    for (is_found, compared) in [(0, 2_000), (1, 1_001)] {
        let report = desk.app.handle(&json!({})).await.unwrap();
        assert_eq!(report["counts"]["messages_compared"], compared, "{report}");
        assert_eq!(report["resume"].is_string(), is_found == 0, "{report}");
        assert_eq!(desk.fixture.count(&found).await, is_found);
    }
}
