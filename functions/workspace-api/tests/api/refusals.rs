//! Who may not, what is malformed, and what is another's.

use crate::support::{Ask, CUSTOMER, Office, nothing, refusal};
use common::caller::SecretKey;
use devstack::fixture::json;
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn roles_and_keys() {
    let office = Office::open().await;
    let write = Ask::post("phone-numbers/search", json!({}));
    let read = Ask::get("phone-numbers");
    for (token, workspace, ask, status) in [
        (None, office.workspace, &read, 401),
        (Some("rsk_nonsense".to_owned()), office.workspace, &read, 401),
        (
            Some(office.token("org_1", "viewer")),
            office.workspace,
            &read,
            200,
        ),
        (
            Some(office.token("org_1", "viewer")),
            office.workspace,
            &write,
            403,
        ),
        (
            Some(office.token("org_1", "billing")),
            office.workspace,
            &read,
            403,
        ),
        (Some(office.token("org_2", "admin")), office.workspace, &read, 404),
        (
            Some(office.token("org_1", "admin")),
            Uuid::from_u128(7),
            &read,
            404,
        ),
    ] {
        let response = office.ask_as(token.as_deref(), workspace, ask).await;
        assert_eq!(response.status().as_u16(), status, "{token:?}");
    }
    let key = SecretKey::random().unwrap();
    let insert = "select create_api_key($1, $2, $3, $4, 'test', array['numbers:read'])";
    let (id, hash) = (Uuid::now_v7(), key.hash());
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
        [&office.workspace, &id, &hash.as_bytes(), &key.prefix()];
    office.fixture.sql.execute(insert, &parameters).await.unwrap();
    for (workspace, ask, status) in [
        (office.workspace, &read, 200),
        (office.workspace, &write, 403),
        (office.other, &read, 404),
    ] {
        let response = office.ask_as(Some(key.expose()), workspace, ask).await;
        assert_eq!(response.status().as_u16(), status);
    }
}

#[tokio::test]
async fn what_is_anothers_is_not_there() {
    let office = Office::open().await;
    let number = office
        .fixture
        .number(office.other, "+14055550199", "primary")
        .await;
    let thread = office.thread(office.other, Some(number), CUSTOMER, 2).await;
    let message = office.fixture.rows("conversation_messages").await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let insert = "insert into contacts (workspace_id, first_name, phone) values ($1, 'Ada', '+14155550177') returning id";
    let contact: Uuid = office
        .fixture
        .sql
        .query_one(insert, &[&office.other])
        .await
        .unwrap()
        .get(0);
    let insert = "insert into provisioning_orders (id, workspace_id, origin, state, reason) values (gen_random_uuid(), $1, 'request', 'needs_attention', 'x') returning id";
    let order: Uuid = office
        .fixture
        .sql
        .query_one(insert, &[&office.other])
        .await
        .unwrap()
        .get(0);
    let nobody = Uuid::from_u128(9);
    for tails in [
        [
            format!("phone-numbers/{number}"),
            format!("phone-numbers/{nobody}"),
        ],
        [
            format!("phone-numbers/{number}/voice-settings"),
            format!("phone-numbers/{nobody}/voice-settings"),
        ],
        [
            format!("phone-numbers/orders/{order}"),
            format!("phone-numbers/orders/{nobody}"),
        ],
        [
            format!("conversations/{thread}"),
            format!("conversations/{nobody}"),
        ],
        [
            format!("conversations/{thread}/messages"),
            format!("conversations/{nobody}/messages"),
        ],
        [format!("messages/{message}"), format!("messages/{nobody}")],
        [
            format!("messages/{message}/trace"),
            format!("messages/{nobody}/trace"),
        ],
        [
            format!("messages/{message}/recording"),
            format!("messages/{nobody}/recording"),
        ],
        [
            format!("messages/{message}/media/0"),
            format!("messages/{nobody}/media/0"),
        ],
        [format!("contacts/{contact}"), format!("contacts/{nobody}")],
        [
            format!("customers/{CUSTOMER}"),
            "customers/+14155550999".to_owned(),
        ],
        [
            format!("customers/{CUSTOMER}/messages"),
            "customers/nobody/messages".to_owned(),
        ],
    ] {
        let theirs = office.ask(Ask::get(&tails[0])).await;
        assert_eq!(refusal(&theirs), (404, "not_found"), "{}", tails[0]);
        assert_eq!(theirs, office.ask(Ask::get(&tails[1])).await, "{}", tails[0]);
    }
    for (tail, body) in [
        (format!("phone-numbers/{number}/make-primary"), nothing()),
        (format!("phone-numbers/{number}/register-webhooks"), nothing()),
        (
            format!("phone-numbers/{number}/release"),
            json!({ "phoneNumber": "+14055550199" }),
        ),
        (format!("phone-numbers/orders/{order}/retry"), nothing()),
        (format!("phone-numbers/orders/{order}/cancel"), nothing()),
        (format!("conversations/{thread}/read"), nothing()),
        (format!("conversations/{thread}/close"), nothing()),
        (format!("messages/{message}/resend"), nothing()),
    ] {
        let answer = office.ask(Ask::post(&tail, body).key("k")).await;
        assert_eq!(refusal(&answer), (404, "not_found"), "{tail}");
    }
    let own = office
        .thread(office.workspace, Some(office.number), CUSTOMER, 1)
        .await;
    let link = format!("conversations/{own}");
    let answer = office
        .ask(Ask::patch(&link, json!({ "contactId": contact })))
        .await;
    assert_eq!(refusal(&answer), (404, "not_found"));
    // and nothing was changed there
    let row = office
        .fixture
        .row(&format!("conversations where id = '{thread}'"))
        .await;
    assert_eq!(
        (&row["is_unread"], &row["status"]),
        (&json!(true), &json!("active"))
    );
    for listing in [
        "phone-numbers?status=suspended",
        "contacts",
        "phone-numbers/orders",
    ] {
        assert_eq!(
            office.ask(Ask::get(listing)).await.1["items"],
            json!([]),
            "{listing}"
        );
    }
}

#[tokio::test]
async fn what_is_malformed_is_named() {
    let office = Office::open().await;
    let number = format!("phone-numbers/{}", office.number);
    let voice = format!("{number}/voice-settings");
    let put = |body| Ask {
        method: "PUT",
        ..Ask::post(&voice, body)
    };
    for (ask, status, field) in [
        (Ask::get("conversations?colour=red"), 400, "colour"),
        (Ask::get("conversations?limit=0"), 400, "limit"),
        (Ask::get("conversations?unread=maybe"), 400, "unread"),
        (Ask::get("conversations?channel=fax"), 400, "channel"),
        (Ask::get("conversations?channel=sms&channel=call"), 400, "channel"),
        (Ask::get("conversations?cursor=AAAA"), 400, "cursor"),
        (Ask::patch(&number, json!({ "label": "x" })), 400, "label"),
        (
            Ask::patch(&number, json!({ "friendlyName": 3 })),
            400,
            "friendlyName",
        ),
        (
            Ask::patch(&number, json!({ "numberType": "primary" })),
            400,
            "numberType",
        ),
        (
            Ask::post("phone-numbers", json!({ "areaCode": "405" })),
            400,
            "Idempotency-Key",
        ),
        (
            Ask::post("phone-numbers", json!({ "areaCode": "12" })).key("k"),
            400,
            "areaCode",
        ),
        (
            Ask::post("phone-numbers/search", json!({ "city": "Tulsa" })),
            400,
            "city",
        ),
        (Ask::post("contacts", json!({})), 400, "body"),
        (Ask::post("contacts", json!({ "phone": "+4" })), 400, "phone"),
        (
            Ask::post(&format!("{number}/make-primary"), json!({})),
            400,
            "body",
        ),
        (put(json!({ "timeZone": "Mars/Olympus" })), 400, "timeZone"),
        (
            put(json!({ "businessHours": { "mon": [["17:00", "09:00"]] } })),
            400,
            "businessHours.mon[0]",
        ),
        (
            put(json!({ "forwardTo": ["+14155550111", "x"] })),
            400,
            "forwardTo[1]",
        ),
        (
            put(json!({ "forwardTo": ["+442079460958"] })),
            422,
            "forwardTo[0]",
        ),
        (put(json!({ "forwardTo": ["+14055550123"] })), 422, "forwardTo"),
    ] {
        let tail = ask.tail.to_owned();
        let answer = office.ask(ask).await;
        assert_eq!(
            (answer.0, answer.1["field"].as_str()),
            (status, Some(field)),
            "{tail}: {}",
            answer.1
        );
    }
    let answer = office
        .ask(Ask {
            method: "DELETE",
            ..Ask::get("conversations")
        })
        .await;
    assert_eq!(refusal(&answer), (405, "method_not_allowed"));
    assert_eq!(answer.1["allow"], json!(["GET"]));
}

#[tokio::test]
async fn pages_join_and_cursors_are_bound() {
    let office = Office::open().await;
    for n in 0..7 {
        office
            .thread(
                office.workspace,
                Some(office.number),
                &format!("+1415555100{n}"),
                1 + n,
            )
            .await;
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let (status, page) = office
            .ask(Ask::get(&format!("conversations?limit=3{cursor}")))
            .await;
        assert_eq!(status, 200, "{page}");
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 7);
    for listing in [
        "conversations?channel=sms",
        "contacts?limit=3",
        "phone-numbers/orders?limit=3",
    ] {
        let answer = office.ask(Ask::get(&format!("{listing}{cursor}"))).await;
        assert_eq!(refusal(&answer), (400, "bad_request"), "{listing}");
    }
    // another workspace's cursor neither
    let response = office
        .ask_as(
            Some(&office.token("org_2", "admin")),
            office.other,
            &Ask::get(&format!("conversations?limit=3{cursor}")),
        )
        .await;
    assert_eq!(
        (response.status().as_u16(), json(&response)["field"].clone()),
        (400, json!("cursor"))
    );
}
