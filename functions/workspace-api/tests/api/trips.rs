//! What an answer asks of Postgres: one round trip or two.

use crate::support::{Ask, CUSTOMER, NUMBER, Office, nothing};
use serde_json::{Value, json};
use simulator::StockNumber;
use testkit::proxy::Proxy;
use workspace_api::App;

async fn behind_proxy() -> (Office, Proxy) {
    let mut office = Office::open().await;
    let proxy = Proxy::start(&office.fixture.database_url()).unwrap();
    let url = proxy.url(&office.fixture.database_url());
    office.fixture.set("DATABASE_URL", &url);
    office.app = App::start_with(office.fixture.settings()).await.unwrap();
    (office, proxy)
}

#[tokio::test]
async fn every_answer_takes_one_or_two_round_trips() {
    let (office, proxy) = behind_proxy().await;
    let stock = ["+14055550150", "+14055550151", "+14055550152"];
    let stock = stock.map(|number| StockNumber::local(number, "OK"));
    office.fixture.simulator.set_stock(stock.to_vec());
    let thread = office
        .thread(office.workspace, Some(office.number), CUSTOMER, 4)
        .await;
    let failed = "update conversation_messages set status = 'failed', error_code = '30003' where direction = 'outbound' returning id::text";
    let failed = office.fixture.sql.query(failed, &[]).await.unwrap();
    let failed: String = failed[0].get(0);
    let contact = office
        .ask(Ask::post("contacts", json!({ "phone": CUSTOMER })))
        .await
        .1;
    let endpoint = json!({ "url": "https://hooks.example/" });
    let endpoint = office.ask(Ask::post("webhook-endpoints", endpoint)).await.1;
    let received = "select from record_inbound_message(gen_random_uuid(), 'SM1', 'sms', $1, $2, 'Hi', '[]', 1, false, null, null, now())";
    office
        .fixture
        .sql
        .execute(received, &[&NUMBER, &CUSTOMER])
        .await
        .unwrap();
    let event = office.ask(Ask::get("events")).await.1;

    let number = format!("phone-numbers/{}", office.number);
    let thread = format!("conversations/{thread}");
    let message = format!("messages/{failed}");
    let contact = format!("contacts/{}", contact["id"].as_str().unwrap());
    let endpoint = format!("webhook-endpoints/{}", endpoint["id"].as_str().unwrap());
    let event = format!("events/{}", event["items"][0]["id"].as_str().unwrap());
    let of = |first: &str, rest: &str| format!("{first}/{rest}");
    let settings = json!({ "forwardTo": [], "timeZone": "America/Chicago" });
    let order = json!({ "areaCode": "405" });
    let cases: Vec<(&str, String, Value, u64)> = vec![
        ("GET", "phone-numbers".to_owned(), nothing(), 1),
        ("GET", number.clone(), nothing(), 1),
        ("PATCH", number.clone(), json!({ "friendlyName": "Desk" }), 1),
        ("POST", of(&number, "make-primary"), nothing(), 1),
        ("POST", of(&number, "register-webhooks"), nothing(), 2),
        ("GET", of(&number, "voice-settings"), nothing(), 1),
        ("PUT", of(&number, "voice-settings"), settings, 1),
        (
            "POST",
            "phone-numbers/search".to_owned(),
            json!({ "areaCode": "405" }),
            2,
        ),
        ("POST", "phone-numbers".to_owned(), order, 1),
        ("GET", "phone-numbers/orders".to_owned(), nothing(), 1),
        ("GET", "conversations?q=message".to_owned(), nothing(), 1),
        ("GET", thread.clone(), nothing(), 1),
        ("PATCH", thread.clone(), json!({ "subject": "Boiler" }), 1),
        ("POST", of(&thread, "read"), nothing(), 1),
        ("POST", of(&thread, "close"), nothing(), 1),
        ("POST", of(&thread, "reopen"), nothing(), 1),
        ("GET", of(&thread, "messages"), nothing(), 1),
        ("GET", format!("customers/{CUSTOMER}"), nothing(), 1),
        ("GET", format!("customers/{CUSTOMER}/messages"), nothing(), 1),
        ("GET", message.clone(), nothing(), 1),
        ("GET", of(&message, "trace"), nothing(), 1),
        ("POST", of(&message, "resend"), nothing(), 2),
        ("GET", "contacts".to_owned(), nothing(), 1),
        ("POST", "contacts".to_owned(), json!({ "firstName": "Maria" }), 1),
        ("GET", contact.clone(), nothing(), 1),
        ("PATCH", contact, json!({ "lastName": "Lopez" }), 1),
        ("GET", "usage".to_owned(), nothing(), 1),
        ("GET", "usage/series".to_owned(), nothing(), 1),
        ("GET", "usage.csv".to_owned(), nothing(), 1),
        ("GET", "webhook-endpoints".to_owned(), nothing(), 1),
        ("GET", endpoint.clone(), nothing(), 1),
        ("PATCH", endpoint.clone(), json!({ "description": "CRM" }), 1),
        ("POST", of(&endpoint, "rotate-secret"), nothing(), 1),
        (
            "POST",
            of(&endpoint, "replay"),
            json!({ "since": "2026-11-01T00:00:00Z" }),
            1,
        ),
        ("GET", "events".to_owned(), nothing(), 1),
        ("GET", event.clone(), nothing(), 1),
        ("POST", of(&event, "replay"), nothing(), 1),
    ];
    for (method, tail, body, most) in cases {
        // the first of a kind also prepares its statements
        for key in ["cold", "warm"] {
            proxy.reset_counts();
            let ask = Ask {
                method,
                tail: &tail,
                body: body.clone(),
                key: Some(key),
            };
            let response = office
                .ask_as(Some(&office.token("org_1", "admin")), office.workspace, &ask)
                .await;
            let status = response.status();
            assert!(
                status.is_success(),
                "{method} {tail}: {status} {:?}",
                response.body()
            );
        }
        assert_eq!(proxy.counts().flights, most, "{method} {tail}");
    }
}
