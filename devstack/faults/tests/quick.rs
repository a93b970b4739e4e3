//! The quick part of the laboratory: every suite, at a size that fits into the ordinary tests. `cargo xtask faults` runs all of it.
#![allow(clippy::print_stdout, reason = "the table is shown when a test fails")]

use faults::{Programs, Scale, Suite, Tally};
use std::sync::OnceLock;

/// Built once for all tests, in the profile of the tests.
fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| Programs::build(!cfg!(debug_assertions)).expect("the functions build"))
}

async fn quick(suite: Suite) {
    let tally = Tally::new(false);
    faults::run(suite, programs(), &tally, Scale::QUICK)
        .await
        .expect("the laboratory works");
    println!("{tally}");
    assert_eq!(tally.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn byte_cuts_lose_and_double_nothing() {
    quick(Suite::Cuts).await;
}

#[tokio::test]
async fn kill_points_buy_what_was_ordered() {
    quick(Suite::Kills).await;
}

#[tokio::test]
async fn statuses_converge_in_any_order() {
    quick(Suite::Statuses).await;
}

#[tokio::test]
async fn faults_of_the_carrier_buy_and_send_once() {
    quick(Suite::Carrier).await;
}

#[tokio::test]
async fn random_histories_agree_with_the_model() {
    quick(Suite::Histories).await;
}

#[tokio::test]
async fn queues_deliver_again_and_keep_what_died() {
    quick(Suite::Queues).await;
}

#[tokio::test]
async fn rotations_restarts_and_thaws_fail_no_request() {
    quick(Suite::Rotation).await;
}
