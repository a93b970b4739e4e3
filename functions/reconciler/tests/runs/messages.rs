//! Messages and calls that no webhook or callback told of.

use crate::desk::{CUSTOMER, Desk, NUMBER};
use devstack::fixture::PLATFORM_NUMBER;
use serde_json::{Value, json};
use simulator::{CallScript, Fault, Operation};
use uuid::Uuid;

#[tokio::test]
async fn statuses_prices_and_segments_that_no_callback_brought() {
    let desk = Desk::open().await;
    let sid = desk.carried("Hello").await;
    let id = desk.outbound(Some(&sid), "queued", "Hello", 1.0).await;
    for _ in 0..2 {
        desk.run().await;
        let row = desk
            .fixture
            .row(&format!("conversation_messages where id = '{id}'"))
            .await;
        assert_eq!(
            (&row["status"], &row["segments"]),
            (&"delivered".into(), &1.into())
        );
        assert!(row["price"].is_number(), "{row}");
    }
}

#[tokio::test]
async fn a_lost_answer_is_settled_and_nothing_is_sent_again() {
    let desk = Desk::open().await;
    let sid = desk.carried("Lost").await;
    let found = desk.outbound(None, "unknown", "Lost", 5.0).await;
    let young = desk.outbound(None, "unknown", "Perhaps", 5.0).await;
    let never = desk.outbound(None, "unknown", "Never", 300.0).await;
    let sent = desk.fixture.simulator.ledger().messages.len();
    for _ in 0..2 {
        desk.run().await;
        let row = |id: Uuid| format!("conversation_messages where id = '{id}'");
        let settled = desk.fixture.row(&row(found)).await;
        assert_eq!(
            (&settled["external_id"], &settled["status"]),
            (&json!(sid), &"delivered".into())
        );
        assert_eq!(desk.fixture.row(&row(young)).await["status"], "unknown");
        let failed = desk.fixture.row(&row(never)).await;
        assert_eq!(
            (&failed["status"], &failed["external_id"]),
            (&"failed".into(), &Value::Null)
        );
    }
    assert_eq!(desk.fixture.simulator.ledger().messages.len(), sent);
}

#[tokio::test]
async fn two_equal_messages_get_a_sid_each() {
    let desk = Desk::open().await;
    let sids = [desk.carried("Same").await, desk.carried("Same").await];
    let ids = [
        desk.outbound(None, "unknown", "Same", 5.0).await,
        desk.outbound(None, "unknown", "Same", 5.0).await,
    ];
    desk.run().await;
    let mut found = Vec::new();
    for id in ids {
        found.push(
            desk.fixture
                .row(&format!("conversation_messages where id = '{id}'"))
                .await["external_id"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    found.sort();
    let mut expected = sids.to_vec();
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn inbound_messages_that_no_webhook_brought() {
    let desk = Desk::open().await;
    let missed = desk
        .fixture
        .simulator
        .inbound_sms(CUSTOMER, NUMBER, "Anybody there?")
        .await;
    let picture = desk
        .fixture
        .simulator
        .inbound_mms(
            CUSTOMER,
            NUMBER,
            "",
            &[("https://media.example/a.png", "image/png")],
        )
        .await;
    let stop = desk
        .fixture
        .simulator
        .inbound_sms("+14155559999", NUMBER, "stop")
        .await;
    desk.fixture
        .simulator
        .inbound_sms(CUSTOMER, PLATFORM_NUMBER, "Who are you?")
        .await;
    for is_first in [true, false] {
        let (_, correlations) = desk.told().await;
        let row = desk
            .fixture
            .row(&format!(
                "conversation_messages where external_id = '{}'",
                missed.sid
            ))
            .await;
        let id = row["id"].as_str().unwrap().to_owned();
        assert_eq!(correlations.contains(&id), is_first, "{correlations:?}");
        assert_eq!(
            (&row["body"], &row["status"], &row["direction"]),
            (&"Anybody there?".into(), &"received".into(), &"inbound".into())
        );
        let row = desk
            .fixture
            .row(&format!(
                "conversation_messages where external_id = '{}'",
                picture.sid
            ))
            .await;
        assert_eq!(row["attachments"].as_array().unwrap().len(), 1, "{row}");
        assert_eq!(desk.fixture.row("opt_outs").await["message_sid"], stop.sid);
        assert_eq!(
            desk.fixture
                .row("conversations where customer_phone = '+14155551234'")
                .await["unread_count"],
            2
        );
        assert_eq!(desk.fixture.count("unrouted_messages").await, 1);
        assert_eq!(desk.fixture.count("conversation_messages").await, 3);
    }
}

#[tokio::test]
async fn calls_without_an_end() {
    let desk = Desk::open().await;
    let call = desk
        .fixture
        .simulator
        .inbound_call(CUSTOMER, NUMBER, CallScript::answered(30))
        .await;
    let id = desk.outbound(Some(&call.sid), "in-progress", "", 60.0).await;
    desk.fixture
        .sql
        .execute("update conversations set channel = 'call'", &[])
        .await
        .unwrap();
    desk.fixture
        .sql
        .execute("update conversation_messages set direction = 'inbound'", &[])
        .await
        .unwrap();
    desk.run().await;
    let row = desk
        .fixture
        .row(&format!("conversation_messages where id = '{id}'"))
        .await;
    assert!(
        ["completed", "failed", "no-answer"].contains(&row["status"].as_str().unwrap()),
        "{row}"
    );
}

#[tokio::test]
async fn a_message_that_the_carrier_cannot_show_keeps_no_other_waiting() {
    let desk = Desk::open().await;
    let mut ids = Vec::new();
    for body in ["One", "Two", "Three", "Four"] {
        let sid = desk.carried(body).await;
        ids.push(desk.outbound(Some(&sid), "queued", body, 60.0).await);
    }
    // the comparison would find them as well
    desk.fixture
        .simulator
        .fail_always(Operation::ListMessages, Fault::status(500));
    desk.fixture
        .simulator
        .fail_next(Operation::GetMessage, Fault::Html);
    let report = desk.app.handle(&json!({})).await.unwrap();
    assert_eq!(report["counts"]["messages_asked_about"], 3, "{report}");
    assert_eq!(report["complete"], false);
    assert_eq!(
        desk.fixture
            .count("conversation_messages where status = 'delivered'")
            .await,
        3
    );
}

#[tokio::test]
async fn a_call_that_goes_on_for_hours_is_asked_about_every_ten_minutes() {
    let desk = Desk::open().await;
    let call = desk
        .fixture
        .simulator
        .inbound_call(CUSTOMER, NUMBER, CallScript::answered(30))
        .await;
    let id = desk
        .outbound(Some(&call.sid), "in-progress", "", 3.0 * 3600.0)
        .await;
    let checked = "with c as (update conversations set channel = 'call')
                   update conversation_messages set checked_at = now() - $1 * interval '1 minute'";
    // the comparison with the carrier's list would find its end as well
    desk.fixture
        .simulator
        .fail_always(Operation::ListCalls, Fault::status(500));
    for (minutes, is_over) in [(9.0, false), (11.0, true)] {
        desk.fixture.sql.execute(checked, &[&minutes]).await.unwrap();
        desk.app.handle(&json!({})).await.unwrap();
        let row = desk
            .fixture
            .row(&format!("conversation_messages where id = '{id}'"))
            .await;
        assert_eq!(row["status"] != "in-progress", is_over, "{row}");
    }
}
