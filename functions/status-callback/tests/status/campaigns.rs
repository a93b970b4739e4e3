//! Whether a number may text.

use crate::support::{Desk, NUMBER, PATH, accepted};
use serde_json::json;

fn event(kind: &str, number: &str) -> String {
    json!({
        "project_id": "6d7f2f6e-1d2c-4c3b-9a55-0c1f8e7a9b10", "event_at": "2026-03-17T22:26:57Z", "event_category": "number_assignment",
        "event_type": kind, "state": "completed", "campaign_id": "3fa85f64-5717-4562-b3fc-2c963f66afa7", "phone_number": number
    })
    .to_string()
}

async fn tell(desk: &Desk, kind: &str, number: &str) {
    accepted(&desk.json(&format!("{PATH}/campaign"), &event(kind, number)).await);
}

async fn readiness(desk: &Desk) -> (String, bool) {
    let row = desk.fixture.row("phone_number_readiness").await;
    assert_eq!(row["phone_number_id"], desk.number.to_string());
    (
        row["messaging_readiness"].as_str().expect("a text").to_owned(),
        row["reason"].is_string(),
    )
}

#[tokio::test]
async fn assignment_events_set_the_readiness() {
    let desk = Desk::open().await;
    desk.execute(&format!(
        "insert into phone_number_readiness (phone_number_id, workspace_id) values ('{}', '{}')",
        desk.number, desk.workspace
    ))
    .await;
    for (kind, expected) in [
        ("number_assignment_pending", ("pending", true)),
        ("number_assignment_failed", ("failed", true)),
        ("number_assignment_activated", ("ready", false)),
        ("number_assignment_failed", ("failed", true)),
        ("number_assignment_activated", ("ready", false)),
    ] {
        tell(&desk, kind, NUMBER).await;
        assert_eq!(
            readiness(&desk).await,
            (expected.0.to_owned(), expected.1),
            "{kind}"
        );
        let before = desk.everything().await;
        tell(&desk, kind, NUMBER).await;
        assert_eq!(desk.everything().await, before, "{kind} again");
    }
    // a `pending` that comes late does not take the readiness away
    tell(&desk, "number_assignment_pending", NUMBER).await;
    assert_eq!(readiness(&desk).await, ("ready".to_owned(), false));
}

#[tokio::test]
async fn the_same_events_come_as_forms() {
    let desk = Desk::open().await;
    let path = format!("{PATH}/campaign");
    for (kind, expected) in [
        ("number_assignment_failed", "failed"),
        ("number_assignment_activated", "ready"),
    ] {
        desk.report_to(
            &path,
            "",
            &[
                ("event_type", kind),
                ("phone_number", NUMBER),
                ("project_id", "6d7f2f6e-1d2c-4c3b-9a55-0c1f8e7a9b10"),
            ],
        )
        .await;
        assert_eq!(readiness(&desk).await.0, expected);
    }
}

#[tokio::test]
async fn an_event_on_a_number_of_which_nothing_was_known_is_kept() {
    let desk = Desk::open().await;
    tell(&desk, "number_assignment_failed", NUMBER).await;
    assert_eq!(readiness(&desk).await, ("failed".to_owned(), true));
}

#[tokio::test]
async fn released_and_foreign_numbers_and_other_events_change_nothing() {
    let desk = Desk::open().await;
    tell(&desk, "number_assignment_failed", "+14055559999").await;
    for kind in [
        "brand_activated",
        "campaign_deactivated",
        "number_assignment_order_processed",
        "number_assignment_melted",
    ] {
        tell(&desk, kind, NUMBER).await;
    }
    desk.execute("update workspace_phone_numbers set status = 'released'")
        .await;
    tell(&desk, "number_assignment_failed", NUMBER).await;
    assert_eq!(desk.fixture.count("phone_number_readiness").await, 0);
    let foreign = event("number_assignment_failed", NUMBER).replace("6d7f2f6e", "00000000");
    assert_eq!(
        desk.json(&format!("{PATH}/campaign"), &foreign).await.status(),
        403
    );
}

#[tokio::test]
async fn the_number_in_the_url_is_what_the_invocation_is_about() {
    let desk = Desk::open().await;
    let path = format!("{PATH}/campaign/{}", desk.number);
    let body = event("number_assignment_activated", NUMBER);
    let (answer, line) = common::metrics::told("r-1", desk.json(&path, &body)).await;
    accepted(&answer);
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["correlation_id"], desk.number.to_string());
}
