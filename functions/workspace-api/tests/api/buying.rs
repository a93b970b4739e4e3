//! Orders: once per key, within the plan, and of what nobody else looks at.

use crate::support::{Ask, CUSTOMER, NUMBER, Office, refusal};
use devstack::fixture::json;
use serde_json::{Value, json};

#[tokio::test]
async fn one_key_one_order() {
    let office = Office::open().await;
    let ask = |body: Value, key| Ask {
        method: "POST",
        tail: "phone-numbers",
        body,
        key: Some(key),
    };
    let body = json!({ "areaCode": "405", "numberType": "sales" });
    let first = office.ask(ask(body.clone(), "k1")).await;
    assert_eq!(
        (first.0, &first.1["state"]),
        (202, &json!("requested")),
        "{}",
        first.1
    );
    let response = office
        .ask_as(
            Some(&office.token("org_1", "admin")),
            office.workspace,
            &ask(body, "k1"),
        )
        .await;
    assert_eq!(response.headers()["idempotent-replayed"], "true");
    assert_eq!(json(&response)["id"], first.1["id"]);
    let other = office.ask(ask(json!({ "areaCode": "918" }), "k1")).await;
    assert_eq!(refusal(&other), (422, "idempotency_mismatch"));
    assert_eq!(office.fixture.count("provisioning_orders").await, 1);
}

#[tokio::test]
async fn the_plan_is_the_limit_and_says_what_would_allow_more() {
    let office = Office::open().await;
    for (tier, limit, allowed_by) in [("starter", 0, "enterprise"), ("professional", 1, "enterprise")] {
        let update = "update workspaces set subscription_tier = $1 where id = $2";
        office
            .fixture
            .sql
            .execute(update, &[&tier, &office.workspace])
            .await
            .unwrap();
        let answer = office.ask(Ask::post("phone-numbers", json!({})).key("k")).await;
        assert_eq!(refusal(&answer), (409, "number_limit"));
        assert_eq!(
            (&answer.1["limit"], &answer.1["held"]),
            (&json!(limit), &json!(1))
        );
        assert_eq!(answer.1["allowedBy"]["tier"], allowed_by, "{}", answer.1);
    }
    assert_eq!(office.fixture.count("provisioning_orders").await, 0);
}

#[tokio::test]
async fn what_one_looks_at_another_cannot_have() {
    let office = Office::open().await;
    let (status, found) = office
        .ask(Ask::post(
            "phone-numbers/search",
            json!({ "areaCode": "405", "limit": 3 }),
        ))
        .await;
    assert_eq!(status, 200, "{found}");
    let items = found["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    let number = items[0]["phoneNumber"].clone();
    let theirs = office
        .ask_as(
            Some(&office.token("org_2", "admin")),
            office.other,
            &Ask::post("phone-numbers/search", json!({ "areaCode": "405", "limit": 20 })),
        )
        .await;
    let theirs = json(&theirs);
    assert!(
        theirs["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|item| !items.iter().any(|own| own["phoneNumber"] == item["phoneNumber"]))
    );
    let taken = office
        .ask_as(
            Some(&office.token("org_2", "admin")),
            office.other,
            &Ask::post("phone-numbers", json!({ "phoneNumber": number })).key("k"),
        )
        .await;
    assert_eq!(
        (taken.status().as_u16(), json(&taken)["code"].clone()),
        (409, json!("number_taken"))
    );
    // nor does their provisioning choose it
    let insert = "insert into provisioning_orders (id, workspace_id, origin) values (gen_random_uuid(), $1, 'request')";
    office
        .fixture
        .sql
        .execute(insert, &[&office.other])
        .await
        .unwrap();
    let update = "update provisioning_orders set phone_number = $1 where workspace_id = $2";
    let refused = office
        .fixture
        .sql
        .execute(update, &[&number.as_str(), &office.other])
        .await
        .unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "23505");
    // ten minutes later it is anybody's
    office
        .fixture
        .sql
        .batch_execute("update phone_number_holds set held_until = now()")
        .await
        .unwrap();
    office
        .fixture
        .sql
        .execute(update, &[&number.as_str(), &office.other])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_number_is_given_back_only_when_it_is_meant() {
    let office = Office::open().await;
    let release = format!("phone-numbers/{}/release", office.number);
    let answer = office
        .ask(Ask::post(&release, json!({ "phoneNumber": "+14055550124" })))
        .await;
    assert_eq!(refusal(&answer), (422, "confirmation_mismatch"));
    office
        .thread(office.workspace, Some(office.number), CUSTOMER, 2)
        .await;
    let answer = office
        .ask(Ask::post(&release, json!({ "phoneNumber": NUMBER })))
        .await;
    assert_eq!(refusal(&answer), (409, "number_in_use"));
    assert_eq!(answer.1["activeConversations"], 1);
    for _ in 0..2 {
        let (status, number) = office
            .ask(Ask::post(
                &release,
                json!({ "phoneNumber": NUMBER, "force": true }),
            ))
            .await;
        assert_eq!(
            (status, &number["status"]),
            (202, &json!("suspended")),
            "{number}"
        );
        assert!(number["release"]["releaseAt"].is_string());
    }
    assert_eq!(office.fixture.count("phone_number_releases").await, 1);
}
