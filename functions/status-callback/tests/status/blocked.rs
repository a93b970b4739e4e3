//! Reports that say more than where a message stands: the customer is blocked, or the number may not text.

use crate::support::{CUSTOMER, Desk, NUMBER, PATH};
use serde_json::json;

/// The customer writes START.
async fn start(desk: &Desk) {
    let start = "select record_consent($1, $2, $3, false, 'START', 'SM2', now())";
    desk.fixture
        .sql
        .execute(start, &[&desk.workspace, &NUMBER, &CUSTOMER])
        .await
        .expect("it is stored");
}

#[tokio::test]
async fn a_block_that_is_reported_late_undoes_no_newer_start() {
    for code in ["30004", "21610"] {
        let desk = Desk::open().await;
        let id = desk.outbound("sms", None).await;
        start(&desk).await;
        let report = [
            ("MessageSid", "SM1"),
            ("MessageStatus", "undelivered"),
            ("ErrorCode", code),
        ];
        for _ in 0..2 {
            desk.report_to(&format!("{PATH}/{id}"), "", &report).await;
            assert_eq!(desk.fixture.row("opt_outs").await["opted_out"], false, "{code}");
        }
    }
}

#[tokio::test]
async fn who_is_blocked_at_the_carrier_counts_as_opted_out_until_they_come_back() {
    for (status, code) in [("undelivered", "30004"), ("failed", "21610")] {
        let desk = Desk::open().await;
        let id = desk.outbound("sms", None).await;
        let report = [
            ("MessageSid", "SM1"),
            ("MessageStatus", status),
            ("ErrorCode", code),
        ];
        for _ in 0..2 {
            desk.report_to(&format!("{PATH}/{id}"), "", &report).await;
            let consent = desk.fixture.row("opt_outs").await;
            assert_eq!(
                (
                    &consent["workspace_id"],
                    &consent["business_phone"],
                    &consent["customer_phone"],
                    &consent["opted_out"],
                    &consent["message_sid"]
                ),
                (
                    &json!(desk.workspace),
                    &NUMBER.into(),
                    &CUSTOMER.into(),
                    &true.into(),
                    &"SM1".into()
                )
            );
            assert_eq!(desk.fixture.row("opt_out_changes").await["actor"], "carrier");
        }
        // the customer's own word is newer than the message that was blocked: neither a repeat nor a late report undoes it
        start(&desk).await;
        desk.report_to(&format!("{PATH}/{id}"), "", &report).await;
        let late = [
            ("MessageSid", "SM1"),
            ("MessageStatus", "delivered"),
            ("ErrorCode", code),
        ];
        desk.report(&late).await;
        assert_eq!(desk.fixture.row("opt_outs").await["opted_out"], false);
    }
}

#[tokio::test]
async fn other_codes_and_calls_say_nothing_about_consent() {
    let desk = Desk::open().await;
    let id = desk.outbound("sms", Some("SM1")).await;
    desk.report_to(
        &format!("{PATH}/{id}"),
        "",
        &[
            ("MessageSid", "SM1"),
            ("MessageStatus", "undelivered"),
            ("ErrorCode", "30005"),
        ],
    )
    .await;
    assert_eq!(desk.fixture.count("opt_outs").await, 0);
    assert_eq!(desk.fixture.count("phone_number_readiness").await, 0);
}

#[tokio::test]
async fn a_number_in_no_active_campaign_is_not_ready_once() {
    let desk = Desk::open().await;
    let id = desk.outbound("sms", Some("SM1")).await;
    let report = [
        ("MessageSid", "SM1"),
        ("MessageStatus", "failed"),
        ("ErrorCode", "21717"),
    ];
    desk.report_to(&format!("{PATH}/{id}"), "", &report).await;
    let readiness = desk.fixture.row("phone_number_readiness").await;
    assert_eq!(
        (&readiness["phone_number_id"], &readiness["messaging_readiness"]),
        (&json!(desk.number), &"failed".into())
    );
    desk.execute("update phone_number_readiness set messaging_readiness = 'ready', reason = null")
        .await;
    desk.report_to(&format!("{PATH}/{id}"), "", &report).await;
    assert_eq!(
        desk.fixture.row("phone_number_readiness").await["messaging_readiness"],
        "ready",
        "a repeat is no news"
    );
}
