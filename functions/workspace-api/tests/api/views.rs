//! What a person is shown: from where to answer, and what something cost.

use crate::support::{Ask, CUSTOMER, NUMBER, Office};
use serde_json::json;

#[tokio::test]
async fn a_customer_on_whatsapp_is_answered_there() {
    let office = Office::open().await;
    let shared = "+14056940299";
    office
        .thread(office.workspace, Some(office.number), CUSTOMER, 2)
        .await;
    let insert =
        "insert into conversations (workspace_id, business_phone, customer_phone, channel, last_message_at)
                  values ($1, $2, $3, 'whatsapp', now() - interval '1 day') returning id::text";
    let thread: String = office
        .fixture
        .sql
        .query_one(insert, &[&office.workspace, &shared, &CUSTOMER])
        .await
        .unwrap()
        .get(0);
    let (status, shown) = office.ask(Ask::get(&format!("conversations/{thread}"))).await;
    assert_eq!(status, 200, "{shown}");
    let reply_from = &shown["replyFrom"];
    assert_eq!(
        reply_from["default"], shared,
        "not the number that they text with"
    );
    assert_eq!(reply_from["choices"][0]["phoneNumber"], NUMBER);
    assert_eq!(reply_from["choices"][0]["isUsable"], false, "{reply_from}");
}

#[tokio::test]
async fn a_number_that_cannot_text_is_no_choice_for_a_text() {
    let office = Office::open().await;
    let thread = office
        .thread(office.workspace, Some(office.number), CUSTOMER, 2)
        .await;
    let usable = async || {
        let (_, shown) = office.ask(Ask::get(&format!("conversations/{thread}"))).await;
        shown["replyFrom"]["choices"][0]["isUsable"].clone()
    };
    assert_eq!(usable().await, true);
    let sales = office
        .fixture
        .number(office.workspace, "+14055550456", "sales")
        .await;
    let default = async || {
        let (_, shown) = office.ask(Ask::get(&format!("conversations/{thread}"))).await;
        shown["replyFrom"]["default"].clone()
    };
    assert_eq!(default().await, NUMBER);
    for status in ["suspended", "released"] {
        let stop = "update workspace_phone_numbers set status = $2 where phone_number = $1";
        office
            .fixture
            .sql
            .execute(stop, &[&NUMBER, &status])
            .await
            .unwrap();
        let first = "update workspace_phone_numbers set number_type = 'primary' where id = $1";
        office.fixture.sql.execute(first, &[&sales]).await.unwrap();
        let expected = if status == "released" {
            json!("+14055550456")
        } else {
            json!(null)
        };
        assert_eq!(default().await, expected, "{status}");
    }
    let back = "update workspace_phone_numbers set status = 'active'";
    office.fixture.sql.batch_execute(back).await.unwrap();
    let mute = "update workspace_phone_numbers set capabilities = '{\"voice\": true, \"SMS\": false}'";
    office.fixture.sql.batch_execute(mute).await.unwrap();
    assert_eq!(usable().await, false);
}

#[tokio::test]
async fn a_message_costs_the_same_in_its_trace_and_in_the_usage() {
    let office = Office::open().await;
    office
        .thread(office.workspace, Some(office.number), CUSTOMER, 1)
        .await;
    for (status, segments, cost) in [("failed", 2, "0"), ("sent", 2, "0.0158"), ("sent", 1, "0.0079")] {
        let set = "update conversation_messages set direction = 'outbound', status = $1, segments = $2, price = null returning id::text";
        let id: String = office
            .fixture
            .sql
            .query_one(set, &[&status, &segments])
            .await
            .unwrap()
            .get(0);
        let (_, trace) = office.ask(Ask::get(&format!("messages/{id}/trace"))).await;
        assert_eq!(trace["costSource"], json!("estimated"));
        let same = "select bool_and(estimated = $1::text::numeric and estimated = $2::text::numeric) from usage_items where is_message";
        let told = trace["cost"]["amount"].as_str().unwrap();
        let same: bool = office
            .fixture
            .sql
            .query_one(same, &[&cost, &told])
            .await
            .unwrap()
            .get(0);
        assert!(same, "{status} × {segments}: {trace}");
    }
}
