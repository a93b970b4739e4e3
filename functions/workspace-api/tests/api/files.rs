//! What customers send along comes through us: never under the carrier's own address, never run as a page.

use crate::support::{Ask, CUSTOMER, NUMBER, Office, refusal};
use devstack::fixture::json;
use lambda_http::{Body, Response};
use serde_json::{Value, json};
use simulator::{Fault, Operation};

/// A message of a thread gets these attachments; gives its id.
async fn attach(office: &Office, direction: &str, attachments: &Value) -> String {
    let thread = office
        .thread(office.workspace, Some(office.number), CUSTOMER, 2)
        .await;
    let update = "update conversation_messages set attachments = $1 where direction = $2 and conversation_id = $3 returning id::text";
    office
        .fixture
        .sql
        .query_one(update, &[attachments, &direction, &thread])
        .await
        .unwrap()
        .get(0)
}

async fn get(office: &Office, tail: &str) -> Response<Body> {
    let token = office.token("org_1", "admin");
    office
        .ask_as(Some(&token), office.workspace, &Ask::get(tail))
        .await
}

fn header<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
    response.headers()[name].to_str().unwrap()
}

#[tokio::test]
async fn media_of_customers_come_through_us() {
    let office = Office::open().await;
    let picture = office.fixture.simulator.inbound_mms(
        CUSTOMER,
        NUMBER,
        "",
        &[("", "image/JPEG; charset=binary"), ("", "text/html")],
    );
    let sid = picture.await.sid;
    let sent = office.fixture.simulator.messages(|message| message.sid == sid);
    let media = &sent[0].media;
    let attachments: Value = media
        .iter()
        .map(|media| json!({ "url": media.url, "contentType": media.content_type }))
        .collect();
    let message = attach(&office, "inbound", &attachments).await;
    let path = format!("messages/{message}/media");

    let (_, shown) = office.ask(Ask::get(&format!("messages/{message}"))).await;
    let expected = |index: u8| format!("/api/workspaces/{}/{path}/{index}", office.workspace);
    assert_eq!(shown["attachments"][0]["url"], expected(0));
    assert_eq!(shown["attachments"][1]["url"], expected(1));
    assert!(!shown.to_string().contains(&media[0].sid), "{shown}");

    let answer = get(&office, &format!("{path}/0")).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "content-type"), "image/jpeg");
    assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
    assert_eq!(header(&answer, "content-disposition"), "attachment");
    let bytes = format!("picture of {}", media[0].sid).into_bytes();
    assert_eq!(answer.body(), &Body::Binary(bytes));
    // a page that a stranger sent is a file to us
    let answer = get(&office, &format!("{path}/1")).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "content-type"), "application/octet-stream");

    // there is no third, and whoever belongs to another workspace gets none
    for tail in ["2", "99", "100", "-1", "x"] {
        let answer = office.ask(Ask::get(&format!("{path}/{tail}"))).await;
        assert_eq!(refusal(&answer), (404, "not_found"), "{tail}");
    }
    let ask = Ask::get(&path);
    let tail = format!("{path}/0");
    let ask = Ask { tail: &tail, ..ask };
    let theirs = office.token("org_2", "admin");
    let answer = office.ask_as(Some(&theirs), office.other, &ask).await;
    assert_eq!(
        (answer.status().as_u16(), &json(&answer)["code"]),
        (404, &json!("not_found"))
    );
    let answer = office.ask_as(Some(&theirs), office.workspace, &ask).await;
    assert_eq!(json(&answer)["code"], "unknown_workspace");
    let answer = office.ask_as(None, office.workspace, &ask).await;
    assert_eq!(answer.status(), 401);

    // the carrier's trouble is told as such
    office
        .fixture
        .simulator
        .fail_next(Operation::GetMedia, Fault::status(500));
    let answer = office.ask(Ask::get(&tail)).await;
    assert_eq!(refusal(&answer), (503, "carrier_refused"));
}

#[tokio::test]
async fn nothing_is_fetched_from_elsewhere() {
    let office = Office::open().await;
    for url in [
        "http://127.0.0.1:9/secret",
        "http://files.signalwire.com/a",
        "https://files.signalwire.com.evil.example/a",
        "file:///etc/passwd",
        "no address",
    ] {
        let attachments = json!([{ "url": url, "contentType": "image/png" }]);
        let message = attach(&office, "inbound", &attachments).await;
        let answer = office.ask(Ask::get(&format!("messages/{message}/media/0"))).await;
        assert_eq!(refusal(&answer), (404, "not_found"), "{url}");
        office
            .fixture
            .sql
            .batch_execute("delete from conversation_messages; delete from conversations")
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn what_the_workspace_sent_is_shown_as_it_was_given() {
    let office = Office::open().await;
    let url = "https://media.example/offer.png";
    let message = attach(&office, "outbound", &json!([{ "url": url, "contentType": null }])).await;
    let (_, shown) = office.ask(Ask::get(&format!("messages/{message}"))).await;
    assert_eq!(shown["attachments"], json!([{ "url": url, "contentType": null }]));
    let answer = office.ask(Ask::get(&format!("messages/{message}/media/0"))).await;
    assert_eq!(refusal(&answer), (404, "not_found"));
}
