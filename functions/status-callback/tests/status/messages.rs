//! Reports on messages, in any order and number.

use crate::support::{Desk, PATH, accepted, permutations};
use serde_json::{Value, json};
use uuid::Uuid;

/// A status, its error code and its segments.
type Told = (&'static str, &'static str, &'static str);

async fn tell(desk: &Desk, id: Uuid, (status, code, segments): Told) {
    let mut fields = vec![("MessageSid", "SM1"), ("MessageStatus", status)];
    if !code.is_empty() {
        fields.push(("ErrorCode", code));
    }
    if !segments.is_empty() {
        fields.push(("NumSegments", segments));
    }
    desk.report_to(&format!("{PATH}/{id}"), "", &fields).await;
}

/// The row without its times; of `delivered_at` only whether it is there.
async fn row(desk: &Desk, id: Uuid) -> Value {
    let mut row = desk.message(id).await;
    row["delivered_at"] = json!(row["delivered_at"].is_string());
    row.as_object_mut().map(|row| row.remove("updated_at"));
    row
}

async fn every_order_gives(reports: &[Told], status: &str, code: Value, segments: i32, delivered: bool) {
    let desk = Desk::open().await;
    let id = desk.outbound("sms", None).await;
    let mut ends: Vec<Value> = Vec::new();
    for order in permutations(reports) {
        desk.execute(
            "delete from status_reports;
             update conversation_messages set status = 'queued', error_code = null, segments = 1, delivered_at = null, external_id = null",
        )
        .await;
        for report in &order {
            tell(&desk, id, *report).await;
            tell(&desk, id, *report).await;
        }
        for report in &order {
            tell(&desk, id, *report).await;
        }
        assert_eq!(
            desk.fixture.count("status_reports").await,
            reports.len() as i64,
            "{order:?}"
        );
        ends.push(row(&desk, id).await);
        assert_eq!(ends[0], ends[ends.len() - 1], "{order:?}");
    }
    let end = &ends[0];
    assert_eq!((&end["status"], &end["error_code"]), (&json!(status), &code));
    assert_eq!(
        (&end["segments"], &end["delivered_at"], &end["external_id"]),
        (&json!(segments), &json!(delivered), &json!("SM1"))
    );
    assert_eq!(desk.fixture.count("parked_reports").await, 0);
}

#[tokio::test]
async fn every_order_of_a_delivery_ends_delivered() {
    every_order_gives(
        &[
            ("queued", "", "1"),
            ("sending", "", ""),
            ("sent", "", "1"),
            ("delivered", "", "1"),
        ],
        "delivered",
        Value::Null,
        1,
        true,
    )
    .await;
}

#[tokio::test]
async fn every_order_of_a_failure_ends_in_the_same_code() {
    every_order_gives(
        &[
            ("sent", "", ""),
            ("undelivered", "30003", ""),
            ("failed", "30008", ""),
        ],
        "undelivered",
        json!("30003"),
        1,
        false,
    )
    .await;
}

#[tokio::test]
async fn a_delivery_clears_the_failure_before_it() {
    every_order_gives(
        &[
            ("sent", "", ""),
            ("failed", "30003", ""),
            ("delivered", "", ""),
            ("read", "", ""),
        ],
        "read",
        Value::Null,
        1,
        true,
    )
    .await;
}

#[tokio::test]
async fn the_same_status_with_several_codes_converges() {
    every_order_gives(
        &[
            ("sent", "", ""),
            ("failed", "30003", ""),
            ("failed", "", ""),
            ("failed", "30001", ""),
        ],
        "failed",
        json!("30001"),
        1,
        false,
    )
    .await;
}

#[tokio::test]
async fn segments_converge_too() {
    every_order_gives(
        &[("queued", "", "1"), ("sent", "", "3"), ("delivered", "", "2")],
        "delivered",
        Value::Null,
        3,
        true,
    )
    .await;
}

#[tokio::test]
async fn words_that_nobody_documented_are_kept_and_move_nothing() {
    every_order_gives(
        &[("sent", "", ""), ("melted", "", ""), ("received", "", "")],
        "sent",
        Value::Null,
        1,
        false,
    )
    .await;
}

#[tokio::test]
async fn long_random_sequences_end_where_their_highest_report_says() {
    let desk = Desk::open().await;
    let id = desk.outbound("sms", Some("SM1")).await;
    let ladder: [Told; 7] = [
        ("queued", "", ""),
        ("sending", "", ""),
        ("sent", "", ""),
        ("failed", "30008", ""),
        ("undelivered", "30005", ""),
        ("delivered", "", ""),
        ("read", "", ""),
    ];
    let mut random: u64 = 0x5eed;
    for _ in 0..40 {
        desk.execute(
            "update conversation_messages set status = 'queued', error_code = null, delivered_at = null",
        )
        .await;
        let mut highest = 0;
        for _ in 0..8 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let index = ((random >> 33) % ladder.len() as u64) as usize;
            highest = highest.max(index);
            tell(&desk, id, ladder[index]).await;
            // never back
            let end = desk.message(id).await;
            assert_eq!(
                (
                    end["status"].as_str().unwrap(),
                    end["error_code"].as_str().unwrap_or("")
                ),
                (ladder[highest].0, ladder[highest].1)
            );
        }
    }
}

#[tokio::test]
async fn a_late_report_moves_an_unknown_send() {
    let desk = Desk::open().await;
    let id = desk.outbound("sms", None).await;
    desk.execute("update conversation_messages set status = 'unknown'")
        .await;
    tell(&desk, id, ("queued", "", "2")).await;
    let message = desk.message(id).await;
    assert_eq!(
        (&message["status"], &message["external_id"], &message["segments"]),
        (&json!("queued"), &json!("SM1"), &json!(2))
    );
}

#[tokio::test]
async fn reports_keep_their_own_time() {
    let desk = Desk::open().await;
    let id = desk.outbound("sms", Some("SM1")).await;
    for time in [
        "Thu, 04 Apr 2024 18:33:58 +0000",
        "Thu, 04 Apr 2024 18:33:58 +0000",
    ] {
        desk.report(&[
            ("MessageSid", "SM1"),
            ("MessageStatus", "sent"),
            ("Timestamp", time),
        ])
        .await;
    }
    desk.report(&[
        ("MessageSid", "SM1"),
        ("MessageStatus", "delivered"),
        ("Timestamp", "yesterday"),
    ])
    .await;
    let reports = desk.fixture.rows("status_reports order by id").await;
    assert_eq!(reports.len(), 2);
    assert!(
        reports[0]["reported_at"]
            .as_str()
            .unwrap()
            .starts_with("2024-04-04T18:33:58")
    );
    assert!(reports[1]["reported_at"].is_null() && reports[1]["received_at"].is_string());
    assert_eq!(
        (&reports[0]["message_id"], &reports[0]["workspace_id"]),
        (&json!(id), &json!(desk.workspace))
    );
}

#[tokio::test]
async fn a_report_on_a_message_that_we_received_leaves_it() {
    let desk = Desk::open().await;
    let id = desk.outbound("sms", Some("SM1")).await;
    desk.execute("update conversation_messages set direction = 'inbound', status = 'received'")
        .await;
    desk.report(&[("MessageSid", "SM1"), ("MessageStatus", "delivered")])
        .await;
    assert_eq!(desk.message(id).await["status"], "received");
    assert_eq!(desk.fixture.count("status_reports").await, 1);
}

#[tokio::test]
async fn the_messaging_apis_json_is_read() {
    let desk = Desk::open().await;
    let id = desk.outbound("whatsapp", None).await;
    let body = |status: &str, code: &str| {
        format!(
            r#"{{"id":"a1b2","project_id":"6d7f2f6e-1d2c-4c3b-9a55-0c1f8e7a9b10","status":"{status}","to":"+14155550101","from":"+14055550123",
                "number_of_segments":1,"timestamp":"2026-03-17T22:26:57Z","error_code":{code},"error_message":null}}"#
        )
    };
    for order in permutations(&[("sent", "null"), ("undelivered", "63019"), ("read", "null")]) {
        desk.execute(
            "update conversation_messages set status = 'queued', error_code = null, delivered_at = null",
        )
        .await;
        for (status, code) in order {
            accepted(&desk.json(&format!("{PATH}/{id}"), &body(status, code)).await);
            accepted(&desk.json(PATH, &body(status, code)).await);
        }
        let message = desk.message(id).await;
        assert_eq!(
            (
                &message["status"],
                &message["error_code"],
                &message["external_id"]
            ),
            (&json!("read"), &json!(null), &json!("a1b2"))
        );
        assert!(message["delivered_at"].is_string());
    }
    assert_eq!(desk.fixture.count("status_reports").await, 3);
    assert_eq!(
        desk.fixture
            .row("status_reports where status = 'undelivered'")
            .await["error_code"],
        "63019"
    );
}

#[tokio::test]
async fn fifty_reports_at_once_end_in_the_highest() {
    let desk = Desk::open().await;
    let id = desk.outbound("sms", None).await;
    let path = format!("{PATH}/{id}");
    let mut set = tokio::task::JoinSet::new();
    for n in 0..50 {
        let status = ["queued", "sending", "sent", "delivered", "sent"][n % 5];
        let request = desk
            .fixture
            .webhook(&path, &[("MessageSid", "SM1"), ("MessageStatus", status)]);
        let app = status_callback::App::start_with(desk.fixture.settings())
            .await
            .unwrap();
        set.spawn(async move { app.handle(request).await });
        if n % 10 == 9 {
            while let Some(answer) = set.join_next().await {
                accepted(&answer.unwrap());
            }
        }
    }
    assert_eq!(desk.message(id).await["status"], "delivered");
    assert_eq!(desk.fixture.count("status_reports").await, 4);
}
