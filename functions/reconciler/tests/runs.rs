//! Runs against real Postgres and the simulated carrier.
#![allow(clippy::unwrap_used, reason = "a test may stop where it is")]

#[path = "parts/plan.rs"]
mod plan;

use devstack::fixture::{Fixture, PLATFORM_NUMBER};
use reconciler::App;
use serde_json::{Value, json};
use simulator::{CallScript, Fault, Operation, PlatformNumber, When};
use std::time::Duration;
use uuid::Uuid;

const NUMBER: &str = "+14055550123";
const CUSTOMER: &str = "+14155551234";

struct Desk {
    fixture: Fixture,
    app: App,
    workspace: Uuid,
}

impl Desk {
    async fn open() -> Self {
        Self::open_with(&[]).await
    }

    async fn open_with(extra: &[(&str, &str)]) -> Self {
        let mut fixture = Fixture::of("reconciler").await;
        for (name, value) in extra {
            fixture.set(name, value);
        }
        let workspace = fixture.workspace("Acme", "professional", "org_1").await;
        fixture.number(workspace, NUMBER, "primary").await;
        let app = App::start_with(fixture.settings()).await.unwrap();
        Self {
            fixture,
            app,
            workspace,
        }
    }

    async fn run(&self) -> Value {
        let report = self.app.handle(&json!({})).await.unwrap();
        assert_eq!(report["problems"], json!([]), "{report}");
        report
    }

    /// A run, and what its line says that it was about.
    async fn told(&self) -> (Value, Vec<String>) {
        let (report, line) = common::metrics::told("r-1", self.run()).await;
        let line: Value = serde_json::from_str(&line).unwrap();
        let ids = line["correlation_id"].as_str().unwrap().split(',');
        (report, ids.map(str::to_owned).collect())
    }

    /// A row as outbound-send leaves it.
    async fn outbound(&self, sid: Option<&str>, status: &str, body: &str, seconds_ago: f64) -> Uuid {
        let thread = "insert into conversations (workspace_id, channel, business_phone, customer_phone) values ($1, 'sms', $2, $3)
                      on conflict (workspace_id, business_phone, customer_phone, channel) do update set updated_at = now() returning id";
        let thread: Uuid = self
            .fixture
            .sql
            .query_one(thread, &[&self.workspace, &NUMBER, &CUSTOMER])
            .await
            .unwrap()
            .get(0);
        let insert = "insert into conversation_messages
            (workspace_id, conversation_id, direction, body, sender_phone, recipient_phone, external_id, status, created_at)
            values ($1, $2, 'outbound', $3, $4, $5, $6, $7, now() - make_interval(secs => $8)) returning id";
        let row = self
            .fixture
            .sql
            .query_one(
                insert,
                &[
                    &self.workspace,
                    &thread,
                    &body,
                    &NUMBER,
                    &CUSTOMER,
                    &sid,
                    &status,
                    &seconds_ago,
                ],
            )
            .await;
        row.unwrap().get(0)
    }

    /// A message at the carrier, sent as outbound-send would.
    async fn carried(&self, body: &str) -> String {
        let client = common::signalwire::Client::from_settings(&self.fixture.settings()).unwrap();
        let request = common::signalwire::MessageRequest {
            from: NUMBER,
            to: CUSTOMER,
            body,
            media_urls: &[],
            status_callback: "http://127.0.0.1:9/lost",
            max_price: None,
        };
        let sid = client.send_message(&request).await.unwrap().sid;
        self.fixture.simulator.settle().await;
        sid
    }
}

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
async fn orders_whose_time_has_come_or_whose_worker_is_gone() {
    let desk = Desk::open().await;
    let waiting = desk.fixture.workspace("Beta", "professional", "org_2").await;
    let insert = "insert into provisioning_orders (id, workspace_id, origin, state, next_attempt_at, area_code) values ($1, $2, 'plan', $3, now() + $4 * interval '1 second', '405')";
    let order = Uuid::now_v7();
    desk.fixture
        .sql
        .execute(insert, &[&order, &waiting, &"retrying", &3600.0])
        .await
        .unwrap();
    desk.run().await;
    assert_eq!(
        desk.fixture.row("provisioning_orders").await["state"],
        "retrying",
        "not due yet"
    );
    desk.fixture
        .sql
        .execute(
            "update provisioning_orders set state = 'searching', leased_until = now() - interval '1 second'",
            &[],
        )
        .await
        .unwrap();
    for _ in 0..2 {
        desk.run().await;
        assert_eq!(desk.fixture.row("provisioning_orders").await["state"], "active");
        assert_eq!(desk.fixture.count("workspace_phone_numbers").await, 2);
    }
}

#[tokio::test]
async fn releases_that_are_due_are_patient() {
    let desk = Desk::open().await;
    let second = desk.fixture.workspace("Beta", "professional", "org_2").await;
    let insert = "insert into provisioning_orders (id, workspace_id, origin, area_code) values ($1, $2, 'plan', '405')";
    desk.fixture
        .sql
        .execute(insert, &[&Uuid::now_v7(), &second])
        .await
        .unwrap();
    desk.run().await;
    desk.fixture
        .sql
        .execute("select suspend_numbers($1, 0)", &[&second])
        .await
        .unwrap();
    let number = format!("workspace_phone_numbers where workspace_id = '{second}'");
    for _ in 0..2 {
        desk.run().await;
        assert_eq!(desk.fixture.row(&number).await["status"], "suspended");
    }
    assert!(
        desk.fixture.row("phone_number_releases").await["last_error"]
            .as_str()
            .unwrap()
            .contains("22121")
    );
    desk.fixture.simulator.advance(Duration::from_secs(15 * 86_400));
    desk.fixture
        .sql
        .execute("update phone_number_releases set next_attempt_at = now()", &[])
        .await
        .unwrap();
    for _ in 0..2 {
        desk.run().await;
        assert_eq!(desk.fixture.row(&number).await["status"], "released");
    }
}

#[tokio::test]
async fn orphans_ghosts_and_drift() {
    let desk = Desk::open().await;
    let simulator = &desk.fixture.simulator;
    // drift: the simulator's number has no URLs yet
    assert!(desk.run().await["counts"]["webhooks_repaired"].as_u64().unwrap() >= 1);
    assert!(desk.run().await["counts"].get("webhooks_repaired").is_none());
    simulator.configure_number(NUMBER, &[("SmsUrl", "https://elsewhere.example/sms")]);
    assert_eq!(desk.run().await["counts"]["webhooks_repaired"], 1);
    // an orphan that an order still waits for
    let second = desk.fixture.workspace("Beta", "professional", "org_2").await;
    let order = Uuid::now_v7();
    let insert = "insert into provisioning_orders (id, workspace_id, origin, state, reason) values ($1, $2, 'plan', 'needs_attention', 'gave up')";
    desk.fixture
        .sql
        .execute(insert, &[&order, &second])
        .await
        .unwrap();
    buy(&desk, "+14055550155", &format!("Beta [order {order}]")).await;
    let report = desk.run().await;
    assert_eq!(report["counts"]["orphans_adopted"], 1, "{report}");
    let row = desk
        .fixture
        .row(&format!(
            "workspace_phone_numbers where workspace_id = '{second}'"
        ))
        .await;
    assert_eq!(
        (&row["phone_number"], &row["status"]),
        (&"+14055550155".into(), &"active".into())
    );
    // an orphan whose order has a number already: given back as soon as the carrier allows
    buy(&desk, "+14055550156", &format!("Beta [order {order}]")).await;
    assert_eq!(desk.run().await["counts"]["spares_kept"], 1);
    assert_eq!(
        desk.fixture.row("spare_numbers").await["phone_number"],
        "+14055550156"
    );
    simulator.advance(Duration::from_secs(15 * 86_400));
    assert_eq!(desk.run().await["counts"]["orphans_released"], 1);
    assert!(desk.fixture.row("spare_numbers").await["released_at"].is_string());
    // a number of somebody else in the same project is left alone
    simulator.add_number(&PlatformNumber::new("+14055550199"));
    assert_eq!(desk.run().await["counts"]["numbers_not_ours"], 1);
    assert!(simulator.number("+14055550199").is_some());
    // a ghost
    desk.fixture.sql.execute("insert into workspace_phone_numbers (workspace_id, phone_number, phone_number_sid, number_type, created_at) values ($1, '+14055550188', 'gone', 'sales', now() - interval '1 day')", &[&desk.workspace]).await.unwrap();
    assert_eq!(desk.run().await["counts"]["ghosts_marked"], 1);
    assert_eq!(
        desk.fixture
            .row("workspace_phone_numbers where phone_number = '+14055550188'")
            .await["status"],
        "released"
    );
}

/// A purchase that nobody recorded.
async fn buy(desk: &Desk, number: &str, friendly_name: &str) {
    let client = common::signalwire::Client::from_settings(&desk.fixture.settings()).unwrap();
    let urls = "http://127.0.0.1:9000".parse().unwrap();
    let mut stock = desk.fixture.simulator.stock();
    stock.push(simulator::StockNumber::local(number, "OK"));
    desk.fixture.simulator.set_stock(stock);
    let purchase = common::signalwire::Purchase {
        phone_number: number,
        friendly_name,
        urls: &urls,
    };
    client.buy_number(&purchase).await.unwrap();
}

#[tokio::test]
async fn a_carrier_that_is_away_is_a_problem_and_not_an_end() {
    let desk = Desk::open().await;
    desk.fixture
        .simulator
        .fail_always(Operation::Any, Fault::Close { when: When::Before });
    let report = desk.app.handle(&json!({})).await.unwrap();
    assert!(!report["problems"].as_array().unwrap().is_empty());
    assert_eq!(report["complete"], false);
    let run = desk.fixture.row("reconciler_runs").await;
    assert!(run["finished_at"].is_string(), "{run}");
    assert_eq!(run["report"], report);
    desk.fixture.simulator.clear_faults();
    desk.run().await;
}

#[tokio::test]
async fn campaign_assignments_are_followed() {
    let campaign = Uuid::now_v7().to_string();
    let desk = Desk::open_with(&[("SIGNALWIRE_CAMPAIGN_ID", &campaign)]).await;
    let insert = "insert into phone_number_readiness (phone_number_id, workspace_id, messaging_readiness) select id, workspace_id, 'pending' from workspace_phone_numbers";
    desk.fixture.sql.execute(insert, &[]).await.unwrap();
    let number = desk.fixture.row("workspace_phone_numbers").await["id"].clone();
    let (report, correlations) = desk.told().await;
    assert_eq!(report["counts"]["campaign_assignments_asked"], 1);
    // what the run says of the number, the carrier says when it calls back
    let number = number.as_str().unwrap();
    assert!(
        correlations.contains(&number.to_owned()),
        "{number} is not in {correlations:?}"
    );
    let callback = desk.fixture.simulator.ledger().orders[0]
        .status_callback_url
        .clone();
    assert!(
        callback
            .as_deref()
            .is_some_and(|url| url.ends_with(&format!("/status/campaign/{number}"))),
        "{callback:?}"
    );
    desk.fixture.simulator.settle().await;
    desk.run().await;
    assert_eq!(
        desk.fixture.row("phone_number_readiness").await["messaging_readiness"],
        "ready"
    );
}

#[tokio::test]
async fn two_runs_at_once_do_the_work_once() {
    let desk = Desk::open().await;
    desk.fixture
        .simulator
        .inbound_sms(CUSTOMER, NUMBER, "Hello")
        .await;
    let payload = json!({});
    let (one, two) = tokio::join!(desk.app.handle(&payload), desk.app.handle(&payload));
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(desk.fixture.count("conversation_messages").await, 1);
    assert_eq!(desk.fixture.count("reconciler_runs").await, 2);
}

#[tokio::test]
async fn what_differs_for_good_is_not_reported_in_every_run() {
    let desk = Desk::open().await;
    let sid = desk.carried("Hello").await;
    let id = desk.outbound(Some(&sid), "delivered", "Hello", 1.0).await;
    // ours counted more segments than the carrier: the greatest count that was ever told stays
    desk.fixture
        .sql
        .execute("update conversation_messages set segments = 3", &[])
        .await
        .unwrap();
    desk.run().await;
    let told = async || -> i64 {
        let tries = "select last_value from status_reports_id_seq";
        desk.fixture.sql.query_one(tries, &[]).await.unwrap().get(0)
    };
    let row = format!("conversation_messages where id = '{id}'");
    let (before, tries) = (desk.fixture.row(&row).await, told().await);
    assert_eq!(before["segments"], 3);
    assert!(before["price"].is_number(), "{before}");
    for _ in 0..2 {
        desk.run().await;
        assert_eq!(desk.fixture.row(&row).await, before);
        assert_eq!(told().await, tries, "nothing was reported again");
    }
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
async fn a_run_without_time_leaves_its_work_to_the_next_one() {
    let mut desk = Desk::open().await;
    let sid = desk.carried("Hello").await;
    desk.outbound(Some(&sid), "queued", "Hello", 60.0).await;
    let second = desk.fixture.workspace("Beta", "professional", "org_2").await;
    let insert = "insert into provisioning_orders (id, workspace_id, origin, area_code) values ($1, $2, 'plan', '405')";
    desk.fixture
        .sql
        .execute(insert, &[&Uuid::now_v7(), &second])
        .await
        .unwrap();
    desk.app = desk.app.within(Duration::ZERO);
    let report = desk.app.handle(&json!({})).await.unwrap();
    assert_eq!(report["complete"], false, "{report}");
    assert_eq!(
        desk.fixture.row("provisioning_orders").await["state"],
        "requested"
    );
    let run = desk.fixture.row("reconciler_runs").await;
    assert!(run["finished_at"].is_string(), "{run}");
    desk.app = App::start_with(desk.fixture.settings()).await.unwrap();
    assert_eq!(desk.run().await["complete"], true);
    assert_eq!(desk.fixture.row("provisioning_orders").await["state"], "active");
    assert_eq!(
        desk.fixture.row("conversation_messages").await["status"],
        "delivered"
    );
}

#[tokio::test]
async fn a_comparison_that_was_cut_short_goes_on_where_it_stopped() {
    let mut desk = Desk::open().await;
    // the oldest stands on the third page of a thousand
    let missed = desk
        .fixture
        .simulator
        .inbound_sms(CUSTOMER, NUMBER, "Anybody there?")
        .await;
    desk.fixture
        .simulator
        .add_number(&PlatformNumber::new("+14055550999"));
    for _ in 0..2_000 {
        desk.fixture
            .simulator
            .inbound_sms(CUSTOMER, "+14055550999", "Somebody else's")
            .await;
    }
    let found = format!("conversation_messages where external_id = '{}'", missed.sid);
    desk.app = desk.app.within(Duration::ZERO);
    for (is_found, compared) in [(0, 2_000), (1, 1_001)] {
        let report = desk.app.handle(&json!({})).await.unwrap();
        assert_eq!(report["counts"]["messages_compared"], compared, "{report}");
        assert_eq!(report["resume"].is_string(), is_found == 0, "{report}");
        assert_eq!(desk.fixture.count(&found).await, is_found);
    }
}

#[tokio::test]
async fn numbers_refused_for_want_of_a_campaign_may_try_again_after_a_day() {
    let desk = Desk::open().await;
    let insert = "insert into phone_number_readiness (phone_number_id, workspace_id, messaging_readiness, reason, updated_at)
                  select id, workspace_id, 'failed', 'in no active messaging campaign (21717)', now() - $1 * interval '1 hour'
                  from workspace_phone_numbers on conflict (phone_number_id) do update set updated_at = excluded.updated_at";
    for (hours, readiness) in [(23.0, "failed"), (25.0, "not_required")] {
        desk.fixture.sql.execute(insert, &[&hours]).await.unwrap();
        desk.run().await;
        assert_eq!(
            desk.fixture.row("phone_number_readiness").await["messaging_readiness"],
            readiness
        );
    }
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
