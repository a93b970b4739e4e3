//! Keywords of a machine take effect and are not answered for ever.

use crate::support::{CUSTOMER, Desk, EMPTY, NUMBER};
use devstack::fixture::PLATFORM_NUMBER;

#[tokio::test]
async fn a_machine_is_not_answered_for_ever_but_its_stop_binds() {
    let desk = Desk::open().await;
    desk.execute("update tier_limits set auto_replies = 3, auto_reply_minutes = 60")
        .await;
    for index in 0..3 {
        assert_ne!(desk.text(&format!("SM{index}"), "HELP").await, EMPTY, "{index}");
    }
    // in silence from now on, and a repeat alike; what was answered is answered again
    for _ in 0..2 {
        assert_eq!(desk.text("SM3", "HELP").await, EMPTY);
        assert_eq!(desk.text("SM4", "STOP").await, EMPTY);
        assert!(desk.is_opted_out(desk.workspace, NUMBER, CUSTOMER).await);
        assert_ne!(desk.text("SM2", "HELP").await, EMPTY);
    }
    assert_eq!(desk.fixture.count("opt_out_changes").await, 1);
    assert_eq!(desk.text("SM5", "YES").await, EMPTY);
    assert!(!desk.is_opted_out(desk.workspace, NUMBER, CUSTOMER).await);
    assert_eq!(desk.fixture.count("conversation_messages").await, 6);
    // other people are answered, and so is this one after an hour of silence
    assert_ne!(desk.message("SM6", "+14155550199", NUMBER, "HELP").await, EMPTY);
    desk.execute("update conversation_messages set created_at = created_at - interval '61 minutes'")
        .await;
    assert_ne!(desk.text("SM7", "HELP").await, EMPTY);
}

#[tokio::test]
async fn nor_is_one_that_nobody_wrote_to() {
    let desk = Desk::open().await;
    desk.execute("update tier_limits set auto_replies = 2").await;
    let ask = async |sid: &str, word: &str| desk.message(sid, CUSTOMER, PLATFORM_NUMBER, word).await;
    assert_ne!(ask("SM1", "HELP").await, EMPTY);
    assert_ne!(ask("SM2", "HELP").await, EMPTY);
    for _ in 0..2 {
        assert_eq!(ask("SM3", "STOP").await, EMPTY);
        assert!(desk.is_opted_out(desk.workspace, PLATFORM_NUMBER, CUSTOMER).await);
    }
    desk.execute("update unrouted_messages set received_at = received_at - interval '25 hours'")
        .await;
    assert_ne!(ask("SM4", "START").await, EMPTY);
}
