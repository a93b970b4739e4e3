//! A failed message sent again.

use crate::support::{Ask, CUSTOMER, Office, refusal};
use serde_json::json;

async fn failed(office: &Office) -> String {
    let thread = office
        .thread(office.workspace, Some(office.number), CUSTOMER, 2)
        .await;
    let update = "update conversation_messages set status = 'undelivered', error_code = '30003'
                  where direction = 'outbound' and conversation_id = $1 returning id::text";
    office
        .fixture
        .sql
        .query_one(update, &[&thread])
        .await
        .unwrap()
        .get(0)
}

#[tokio::test]
async fn one_key_one_new_attempt() {
    let office = Office::open().await;
    let message = failed(&office).await;
    let resend = format!("messages/{message}/resend");
    let (status, first) = office.ask(Ask::post(&resend, json!(null)).key("k1")).await;
    assert_eq!(status, 201, "{first}");
    let (status, again) = office.ask(Ask::post(&resend, json!(null)).key("k1")).await;
    assert_eq!((status, &again["id"]), (201, &first["id"]));
    let row = format!(
        "conversation_messages where id = '{}'",
        first["id"].as_str().unwrap()
    );
    assert_eq!(office.fixture.row(&row).await["resend_of"], message.as_str());
    let sent = office
        .fixture
        .simulator
        .messages(|message| message.direction != "inbound");
    assert_eq!(sent.len(), 1);
    assert_eq!(
        (sent[0].from.as_str(), sent[0].to.as_str(), sent[0].body.as_str()),
        ("+14055550123", CUSTOMER, "message 2")
    );
    let (_, shown) = office
        .ask(Ask::get(&format!("messages/{}", first["id"].as_str().unwrap())))
        .await;
    assert_eq!(shown["resendOf"], message.as_str());
    let (_, trace) = office.ask(Ask::get(&format!("messages/{message}/trace"))).await;
    let attempts = trace["attempts"].as_array().unwrap();
    assert_eq!((attempts.len(), &attempts[1]["messageId"]), (2, &first["id"]));
    // one that has not failed is not repeated
    let answer = office
        .ask(
            Ask::post(
                &format!("messages/{}/resend", first["id"].as_str().unwrap()),
                json!(null),
            )
            .key("k2"),
        )
        .await;
    assert_eq!(refusal(&answer), (409, "not_resendable"));
}

#[tokio::test]
async fn who_opted_out_gets_none() {
    let office = Office::open().await;
    let message = failed(&office).await;
    let stop = "select record_consent($1, '+14055550123', $2, true, 'STOP', 'SM1', now())";
    office
        .fixture
        .sql
        .execute(stop, &[&office.workspace, &CUSTOMER])
        .await
        .unwrap();
    let answer = office
        .ask(Ask::post(&format!("messages/{message}/resend"), json!(null)).key("k1"))
        .await;
    assert_eq!(refusal(&answer), (409, "opted_out"));
    assert!(
        office
            .fixture
            .simulator
            .messages(|message| message.direction != "inbound")
            .is_empty()
    );
}

#[tokio::test]
async fn what_may_not_be_sent_any_more_is_not() {
    let mut office = Office::open().await;
    let message = failed(&office).await;
    office.fixture.set("ALLOWED_COUNTRIES", "CA");
    office.app = workspace_api::App::start_with(office.fixture.settings())
        .await
        .unwrap();
    let resend = format!("messages/{message}/resend");
    for _ in ["first", "repeat"] {
        let answer = office.ask(Ask::post(&resend, json!(null)).key("k1")).await;
        assert_eq!(refusal(&answer), (422, "country_not_allowed"));
    }
    // the attempt is there once, and says why it was none
    let (_, trace) = office.ask(Ask::get(&format!("messages/{message}/trace"))).await;
    let attempts = trace["attempts"].as_array().unwrap();
    assert_eq!((attempts.len(), &attempts[1]["status"]), (2, &json!("failed")));
    let attempt = format!("messages/{}", attempts[1]["messageId"].as_str().unwrap());
    let (_, shown) = office.ask(Ask::get(&attempt)).await;
    let words = shown["failure"]["words"].as_str().unwrap();
    assert!(words.contains("ALLOWED_COUNTRIES"), "{shown}");
    let sent = office
        .fixture
        .simulator
        .messages(|message| message.direction != "inbound");
    assert!(sent.is_empty());
}

#[tokio::test]
async fn anothers_message_is_not_there() {
    let office = Office::open().await;
    let theirs = office.thread(office.other, None, CUSTOMER, 2).await;
    let update = "update conversation_messages set status = 'failed' where direction = 'outbound' and conversation_id = $1 returning id::text";
    let theirs: String = office
        .fixture
        .sql
        .query_one(update, &[&theirs])
        .await
        .unwrap()
        .get(0);
    for message in [theirs.as_str(), "00000000-0000-4000-8000-000000000001"] {
        let answer = office
            .ask(Ask::post(&format!("messages/{message}/resend"), json!(null)).key("k1"))
            .await;
        assert_eq!(refusal(&answer), (404, "not_found"), "{message}");
    }
}
