//! The figures beside the carrier's ledger: the same to the cent, once it has told its prices.
#![allow(clippy::unwrap_used, reason = "a test may stop where it is")]

use devstack::fixture::{PLATFORM_NUMBER, migrate};
use devstack::http;
use devstack::stack::{Options, Signatures, Stack};
use reconciler::App;
use serde_json::{Value, json};
use simulator::{CallScript, DialOutcome, Ledger};
use std::collections::BTreeSet;
use testkit::identity::Claims;
use testkit::postgres::TestDatabase;
use tokio_postgres::Client;
use uuid::Uuid;

const CUSTOMER: &str = "+14155550101";
const MOBILE: &str = "+14055550177";
const AGENT: &str = "+14055550178";
const NUMBER: &str = "+14055550141";
const SECOND: &str = "+14055550142";
/// Accepted, then reported as failed before a carrier had it: not charged.
const NEVER_SENT: &str = "+15005550001";

async fn workspace(sql: &Client, tier: &str, owner: &str) -> Uuid {
    let insert = "insert into workspaces (name, slug, clerk_organization_id, subscription_tier) values ($1, $1, $1, $2) returning id";
    sql.query_one(insert, &[&owner, &tier]).await.unwrap().get(0)
}

async fn send(stack: &Stack, owner: &str, message: Value) {
    let claims = Claims::of("user_1").organization(owner, "admin", owner);
    let authorization = format!("Bearer {}", stack.token(&claims));
    let headers = [
        ("content-type", "application/json"),
        ("authorization", authorization.as_str()),
    ];
    let url = format!("{}/api/communications", stack.urls().gateway);
    let answer = http::request("POST", &url, &headers, message.to_string())
        .await
        .unwrap();
    assert_eq!(answer.status, 201, "{message}: {}", answer.body);
}

/// In hundred-thousandths of a dollar, which is what the carrier counts in.
fn carrier_total(ledger: &Ledger) -> i64 {
    let units = |price: f64| (price * 100_000.0).round() as i64;
    let messages = ledger.messages.iter().filter_map(|message| message.price());
    let calls = ledger.calls.iter().filter_map(|call| call.price());
    messages.chain(calls).map(units).sum()
}

fn units(amount: &Value) -> i64 {
    let amount: f64 = amount.as_str().unwrap().parse().unwrap();
    (amount * 100_000.0).round() as i64
}

async fn figures(sql: &Client) -> Value {
    let select = "select platform_usage_figures((now() at time zone 'UTC')::date - 1, (now() at time zone 'UTC')::date + 1, 'UTC')";
    sql.query_one(select, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn totals_are_the_carriers_to_the_cent() {
    let database = TestDatabase::create(migrate).await;
    let stack = Stack::start(Options {
        deliver_twice: true,
        ..Options::on(&database)
    })
    .await
    .unwrap();
    let sql = stack.inspect().await.unwrap();
    let acme = workspace(&sql, "enterprise", "org_acme").await;
    let sam = workspace(&sql, "starter", "org_sam").await;
    let number = stack.lend_number(acme, NUMBER).await.unwrap();
    stack.lend_number(acme, SECOND).await.unwrap();
    sql.execute(
        "insert into voice_settings (phone_number_id, forward_to) values ($1, array[$2])",
        &[&number, &MOBILE],
    )
    .await
    .unwrap();

    let simulator = stack.simulator();
    simulator.inbound_sms(CUSTOMER, NUMBER, "Hello").await;
    simulator.inbound_sms(CUSTOMER, SECOND, &"long ".repeat(60)).await;
    simulator
        .inbound_mms(
            CUSTOMER,
            SECOND,
            "Look",
            &[("https://media.example/a.png", "image/png")],
        )
        .await;
    simulator.inbound_sms("+14155550109", NUMBER, "STOP").await; // answered: the carrier sends one more
    simulator
        .inbound_call(
            CUSTOMER,
            NUMBER,
            CallScript {
                dial: DialOutcome::Answered { seconds: 75 },
                ..CallScript::default()
            },
        )
        .await; // two legs
    simulator
        .inbound_call(CUSTOMER, NUMBER, CallScript::leaves_voicemail(14, "Call me back"))
        .await; // a leg that nobody took
    let from = json!({ "workspaceId": acme, "from": NUMBER });
    let with = |more: Value| {
        let mut message = from.clone();
        for (name, value) in more.as_object().unwrap() {
            message[name] = value.clone();
        }
        message
    };
    send(
        &stack,
        "org_acme",
        with(json!({ "channel": "sms", "to": CUSTOMER, "body": "x".repeat(400) })),
    )
    .await;
    send(
        &stack,
        "org_acme",
        with(json!({ "channel": "sms", "to": NEVER_SENT, "body": "Nobody" })),
    )
    .await;
    send(
        &stack,
        "org_acme",
        with(json!({ "channel": "call", "to": CUSTOMER, "body": "", "connect": AGENT })),
    )
    .await;
    send(
        &stack,
        "org_sam",
        json!({ "workspaceId": sam, "channel": "sms", "to": CUSTOMER, "body": "Hi from Sam" }),
    )
    .await;
    stack.settle().await;
    simulator.inbound_sms(CUSTOMER, PLATFORM_NUMBER, "Hi Sam").await;
    simulator
        .inbound_sms("+14155550199", PLATFORM_NUMBER, "Who is this?")
        .await;
    stack.settle().await;

    for exchange in &simulator.ledger().exchanges {
        assert_eq!(exchange.error, None, "{exchange:?}");
    }
    let before = figures(&sql).await;
    assert_eq!(before["totals"]["cost"]["estimatedShare"], "1.0000", "{before}");
    assert_ne!(before["routing"]["unroutedCostEstimated"], "0.00", "{before}");

    let app = App::start_with(stack.settings(Signatures::Required))
        .await
        .unwrap();
    for _ in 0..2 {
        let report = app.handle(&json!({})).await.unwrap();
        assert_eq!(report["problems"], json!([]), "{report}");
        let after = figures(&sql).await;
        let cost = &after["totals"]["cost"];
        let ledger = simulator.ledger();
        let ours =
            units(&cost["messages"]) + units(&cost["calls"]) + units(&after["routing"]["unroutedCost"]);
        assert_eq!(ours, carrier_total(&ledger), "{after}");
        // what remains an estimate is what the carrier never prices: the numbers
        assert_eq!(cost["estimated"], cost["numbers"], "{after}");
        assert_eq!(cost["unpriced"], 0);
        assert_eq!(after["routing"]["unroutedCostEstimated"], "0.00", "{after}");
        let totals = &after["totals"];
        let inbound = ledger
            .messages
            .iter()
            .filter(|m| m.direction == "inbound")
            .count();
        let outbound = ledger.messages.len() - inbound;
        assert_eq!(
            totals["messagesIn"].as_u64().unwrap() + after["routing"]["unrouted"].as_u64().unwrap(),
            inbound as u64
        );
        assert_eq!(totals["messagesOut"], outbound);
        let segments: u32 = ledger.messages.iter().map(|m| m.num_segments).sum();
        assert_eq!(
            totals["segmentsIn"].as_u64().unwrap() + totals["segmentsOut"].as_u64().unwrap() + 1,
            u64::from(segments),
            "all but the unrouted one"
        );
        assert_eq!((&totals["callsIn"], &totals["callsOut"]), (&json!(2), &json!(1)));
        let rented = sql
            .query("select distinct phone_number from usage_lines(null, current_date - 1, current_date + 1, 'UTC') where channel = 'rental'", &[])
            .await
            .unwrap();
        let rented: BTreeSet<String> = rented.iter().map(|row| row.get(0)).collect();
        let owned = ledger.numbers.iter().map(|number| number.phone_number.clone());
        let expected: BTreeSet<String> = owned.filter(|number| number != PLATFORM_NUMBER).collect();
        assert_eq!(rented, expected);
    }
    stack.shutdown().await.unwrap();
}
