//! What a workspace may send, and when: each refusal beside its success.

use crate::support::{CUSTOMER, Desk};
use devstack::fixture::json;
use futures_util::future::join_all;
use lambda_http::{Body, Response};
use serde_json::{Value, json};
use testkit::identity::Claims;

impl Desk {
    /// Sets limits of the workspace.
    async fn limit(&self, changes: &Value) {
        let wrong: Option<String> = self
            .fixture
            .sql
            .query_one("select set_limits($1, $2)", &[&self.workspace, changes])
            .await
            .expect("the values fit")
            .get(0);
        assert_eq!(wrong, None);
    }

    /// Puts the counters' second, minute and day into the future, so that no clock ends them during a test.
    async fn freeze(&self) {
        let freeze = "insert into sending_counters (workspace_id, second_at, minute_at, day)
                      values ($1, now() + interval '1 day', now() + interval '1 day', current_date + 1)
                      on conflict (workspace_id) do update
                      set second_at = excluded.second_at, minute_at = excluded.minute_at, day = excluded.day";
        self.fixture
            .sql
            .execute(freeze, &[&self.workspace])
            .await
            .expect("the workspace is there");
    }

    fn call(&self) -> Value {
        json!({ "channel": "call", "to": CUSTOMER, "body": "Hi", "workspaceId": self.workspace })
    }

    async fn refusals(&self, code: &str) -> i64 {
        let row = self
            .fixture
            .sql
            .query_one(
                "select coalesce(sum(count), 0)::bigint from refusals where workspace_id = $1 and code = $2",
                &[&self.workspace, &code],
            )
            .await;
        row.expect("it can be counted").get(0)
    }
}

fn told(response: &Response<Body>) -> (u16, String) {
    let code = json(response)["code"].as_str().unwrap_or("sent").to_owned();
    (response.status().as_u16(), code)
}

#[tokio::test]
async fn the_kill_switch_stops_one_workspace() {
    let desk = Desk::open(&[]).await;
    desk.limit(&json!({ "sending_enabled": false })).await;
    for body in [desk.sms("Hi"), desk.call()] {
        let response = desk.send(&body, None).await;
        assert_eq!(told(&response), (403, "sending_disabled".into()));
    }
    assert_eq!((desk.carried(), desk.refusals("sending_disabled").await), (0, 2));
    let other = desk.fixture.workspace("Other", "professional", "org_2").await;
    desk.fixture.number(other, "+14055550199", "primary").await;
    let mut body = desk.sms("Hi");
    body["workspaceId"] = json!(other);
    let response = desk
        .send_as(Some(&desk.token("org_2", "admin")), &body.to_string(), None)
        .await;
    assert_eq!(told(&response), (201, "sent".into()));
    desk.limit(&json!({ "sending_enabled": true })).await;
    assert_eq!(
        told(&desk.send(&desk.sms("Hi"), None).await),
        (201, "sent".into())
    );
}

#[tokio::test]
async fn rates_and_caps_for_messages_and_calls() {
    for (limit, is_call, status, code) in [
        ("messages_per_second", false, 429, "rate_limited"),
        ("messages_per_minute", false, 429, "rate_limited"),
        ("messages_per_day", false, 409, "daily_cap"),
        ("calls_per_minute", true, 429, "rate_limited"),
        ("calls_per_day", true, 409, "daily_cap"),
    ] {
        let desk = Desk::open(&[]).await;
        desk.freeze().await;
        let mut limits = json!({});
        limits[limit] = json!(2);
        desk.limit(&limits).await;
        let body = if is_call { desk.call() } else { desk.sms("Hi") };
        for _ in 0..2 {
            assert_eq!(
                told(&desk.send(&body, None).await),
                (201, "sent".into()),
                "{limit}"
            );
        }
        let refused = desk.send(&body, None).await;
        assert_eq!(told(&refused), (status, code.into()), "{limit}");
        let wait: u32 = refused.headers()["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!(wait >= 1, "{limit}");
        let detail = json(&refused)["detail"].as_str().unwrap().to_owned();
        let words = limit.replace('_', " ").replace("per", "a");
        assert!(detail.contains(&format!("2 {words}")), "{detail}");
        assert_eq!((desk.carried(), desk.refusals(code).await), (2, 1), "{limit}");
        // the others are free
        let other = if is_call { desk.sms("Hi") } else { desk.call() };
        assert_eq!(
            told(&desk.send(&other, None).await),
            (201, "sent".into()),
            "{limit}"
        );
        // time passes
        let thaw =
            "update sending_counters set second_at = '-infinity', minute_at = '-infinity', day = '-infinity'";
        desk.fixture.sql.execute(thaw, &[]).await.unwrap();
        assert_eq!(
            told(&desk.send(&body, None).await),
            (201, "sent".into()),
            "{limit}"
        );
    }
}

#[tokio::test]
async fn a_day_costs_no_more_than_it_may() {
    let desk = Desk::open(&[]).await;
    desk.freeze().await;
    desk.limit(&json!({ "spend_cents_per_day": 3 })).await;
    for _ in 0..3 {
        assert_eq!(
            told(&desk.send(&desk.sms("Hi"), None).await),
            (201, "sent".into())
        );
    }
    let refused = desk.send(&desk.sms("Hi"), None).await;
    assert_eq!(told(&refused), (409, "daily_cap".into()));
    assert!(
        json(&refused)["detail"]
            .as_str()
            .unwrap()
            .ends_with("0.03 dollars a day")
    );
    assert_eq!(
        told(&desk.send(&desk.call(), None).await),
        (409, "daily_cap".into())
    );
    assert_eq!(desk.carried(), 3);
    desk.limit(&json!({ "spend_cents_per_day": 10 })).await;
    assert_eq!(told(&desk.send(&desk.call(), None).await), (201, "sent".into()));
}

#[tokio::test]
async fn senders_side_by_side_never_pass_a_cap_together() {
    for limit in [
        "messages_per_day",
        "messages_per_minute",
        "messages_per_second",
        "spend_cents_per_day",
    ] {
        let desk = Desk::open(&[]).await;
        desk.freeze().await;
        let mut limits = json!({});
        limits[limit] = json!(7);
        desk.limit(&limits).await;
        let body = desk.sms("Hi");
        let answers = join_all((0..24).map(|_| desk.send(&body, None))).await;
        let sent = answers.iter().filter(|answer| answer.status() == 201).count();
        assert_eq!((sent, desk.carried()), (7, 7), "{limit}");
        assert_eq!(desk.fixture.count("conversation_messages").await, 7, "{limit}");
        let refused = desk.refusals("daily_cap").await + desk.refusals("rate_limited").await;
        assert_eq!(refused, 17, "{limit}");
    }
}

#[tokio::test]
async fn a_replay_counts_once() {
    let desk = Desk::open(&[]).await;
    desk.freeze().await;
    desk.limit(&json!({ "messages_per_day": 1 })).await;
    assert_eq!(desk.send(&desk.sms("Hi"), Some("k")).await.status(), 201);
    let again = desk.send(&desk.sms("Hi"), Some("k")).await;
    assert_eq!(
        (again.status().as_u16(), &again.headers()["idempotent-replayed"]),
        (201, &"true".parse().unwrap())
    );
    assert_eq!(
        told(&desk.send(&desk.sms("Hi"), Some("l")).await),
        (409, "daily_cap".into())
    );
    // a refusal leaves no thread behind, and its key is free
    desk.limit(&json!({ "messages_per_day": 2 })).await;
    assert_eq!(desk.send(&desk.sms("Hi"), Some("l")).await.status(), 201);
}

#[tokio::test]
async fn destinations_that_are_blocked_or_abroad_are_counted_for_who_asked() {
    let desk = Desk::open(&[("ALLOWED_COUNTRIES", "US,CA,JM")]).await;
    let block = "select block_prefix('+1907555', 'a pump')";
    desk.fixture.sql.execute(block, &[]).await.unwrap();
    for (change, code, field) in [
        (json!({ "to": "+19005551234" }), "destination_blocked", Some("to")),
        (
            json!({ "to": "+8816123456789" }),
            "destination_blocked",
            Some("to"),
        ),
        // the country is allowed, its prices are not
        (json!({ "to": "+18765551234" }), "destination_blocked", None),
        (json!({ "to": "+19075551234" }), "destination_blocked", None),
        (
            json!({ "channel": "call", "to": "+18765551234" }),
            "destination_blocked",
            None,
        ),
        (
            json!({ "channel": "call", "connect": "+14159765551" }),
            "destination_blocked",
            Some("connect"),
        ),
        (
            json!({ "channel": "call", "connect": "+18765551234" }),
            "destination_blocked",
            None,
        ),
        (
            json!({ "to": "+442079460958" }),
            "country_not_allowed",
            Some("to"),
        ),
        (
            json!({ "channel": "call", "connect": "+442079460958" }),
            "country_not_allowed",
            Some("connect"),
        ),
    ] {
        let before = desk.refusals(code).await;
        let mut body = desk.sms("Hi");
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let refused = desk.send(&body, None).await;
        assert_eq!(told(&refused), (422, code.into()), "{change}");
        if let Some(field) = field {
            assert_eq!(json(&refused)["field"], field, "{change}");
        }
        assert_eq!(desk.refusals(code).await, before + 1, "{change}");
        // who may not ask at all is told just that
        let foreign = desk
            .send_as(Some(&desk.token("org_9", "admin")), &body.to_string(), None)
            .await;
        assert_eq!(told(&foreign), (404, "unknown_workspace".into()), "{change}");
        assert_eq!(desk.refusals(code).await, before + 1, "{change}");
    }
    assert_eq!(
        (desk.carried(), desk.fixture.count("conversations").await),
        (0, 0)
    );
    let unblock = "select unblock_prefix('+1876')";
    desk.fixture.sql.execute(unblock, &[]).await.unwrap();
    let mut body = desk.sms("Hi");
    body["to"] = json!("+18765551234");
    assert_eq!(told(&desk.send(&body, None).await), (201, "sent".into()));
}

#[tokio::test]
async fn the_carrier_is_told_what_it_may_charge() {
    let desk = Desk::open(&[]).await;
    desk.limit(&json!({ "max_price_per_segment": "0.0123", "max_price_per_minute": "0.0200" }))
        .await;
    desk.ask(&desk.sms(&"a".repeat(161))).await;
    desk.ask(&desk.call()).await;
    let ledger = desk.fixture.simulator.ledger();
    assert_eq!(ledger.messages[0].params.get("MaxPrice"), Some("0.0246"));
    assert_eq!(ledger.calls[0].params.get("MaxPricePerMinute"), Some("0.02"));
}

#[tokio::test]
async fn two_machines_do_not_talk_for_ever() {
    let desk = Desk::open(&[]).await;
    desk.limit(&json!({ "loop_messages": 3, "loop_minutes": 60 }))
        .await;
    let echo = "insert into conversation_messages (workspace_id, conversation_id, direction, sender_phone, recipient_phone, status)
                select workspace_id, id, 'inbound', customer_phone, business_phone, 'received' from conversations";
    for _ in 0..3 {
        assert_eq!(
            told(&desk.send(&desk.sms("Thank you"), None).await),
            (201, "sent".into())
        );
        desk.fixture.sql.execute(echo, &[]).await.unwrap();
    }
    let refused = desk.send(&desk.sms("Thank you"), None).await;
    assert_eq!(told(&refused), (429, "loop_detected".into()));
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!((desk.carried(), desk.refusals("loop_detected").await), (3, 1));
    // others are written to, and so is this one when the hour is over
    let mut body = desk.sms("Hi");
    body["to"] = json!("+14155550000");
    assert_eq!(told(&desk.send(&body, None).await), (201, "sent".into()));
    let age = "update conversation_messages set created_at = created_at - interval '61 minutes'";
    desk.fixture.sql.execute(age, &[]).await.unwrap();
    assert_eq!(
        told(&desk.send(&desk.sms("Hi"), None).await),
        (201, "sent".into())
    );
}

#[tokio::test]
async fn quiet_hours_refuse_or_hold() {
    let desk = Desk::open(&[]).await;
    assert_eq!(
        told(&desk.send(&desk.sms("Hi"), None).await),
        (201, "sent".into())
    );
    // quiet all day but for a microsecond
    desk.limit(&json!({ "quiet_from": "00:00:00.000001", "quiet_until": "00:00:00" }))
        .await;
    for body in [desk.sms("Hi"), desk.call()] {
        let refused = desk.send(&body, None).await;
        assert_eq!(told(&refused), (409, "quiet_hours".into()));
        assert!(json(&refused)["opensAt"].as_str().unwrap().ends_with('Z'));
    }
    assert_eq!(desk.refusals("quiet_hours").await, 2);
    let mut hold = desk.sms("Good morning");
    hold["quietHours"] = json!("hold");
    let held = desk.send(&hold, Some("k")).await;
    let body = json(&held);
    assert_eq!(
        (held.status().as_u16(), &body["status"], &body["sid"]),
        (202, &"queued".into(), &Value::Null)
    );
    let send_at: jiff::Timestamp = body["sendAt"].as_str().unwrap().parse().unwrap();
    assert!(send_at > jiff::Timestamp::now());
    let again = desk.send(&hold, Some("k")).await;
    assert_eq!((again.status().as_u16(), json(&again)), (202, body.clone()));
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    // the answer was lost before it was kept
    let forget = "update idempotency_keys set answer = null";
    desk.fixture.sql.execute(forget, &[]).await.unwrap();
    let again = desk.send(&hold, Some("k")).await;
    assert_eq!(
        (again.status().as_u16(), json(&again)["id"].clone()),
        (202, body["id"].clone())
    );
    assert_eq!(
        (desk.carried(), desk.fixture.count("conversation_messages").await),
        (1, 2)
    );
    let claims = Claims::of("user_1").organization("org_1", "member", "acme");
    let mut call = desk.call();
    call["quietHours"] = json!("hold");
    let refused = desk
        .send_as(Some(&desk.fixture.issuer.token(&claims)), &call.to_string(), None)
        .await;
    assert_eq!(told(&refused), (400, "bad_request".into()));
}
