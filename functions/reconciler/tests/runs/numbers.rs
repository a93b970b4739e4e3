//! Orders, releases, and the carrier's list of numbers.

use crate::desk::{Desk, NUMBER};
use simulator::PlatformNumber;
use std::time::Duration;
use uuid::Uuid;

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
    for end in [
        "update workspaces set subscription_tier = 'starter' where id = $1",
        "select fit_numbers(w, 0) from workspaces w where w.id = $1",
    ] {
        desk.fixture.sql.execute(end, &[&second]).await.unwrap();
    }
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
    // it is known from now on, and no reason to call anybody
    let theirs = serde_json::json!([{ "phone_number": "+14055550156", "sid": "s" }, { "phone_number": "+14055550157", "sid": "t" }]);
    let spares = "select phone_number, is_spare from compare_numbers($1) where finding = 'orphan' order by 1";
    let spares = desk.fixture.sql.query(spares, &[&theirs]).await.unwrap();
    let spares: Vec<(String, bool)> = spares.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(
        spares,
        [
            ("+14055550156".to_owned(), true),
            ("+14055550157".to_owned(), false)
        ]
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
pub async fn buy(desk: &Desk, number: &str, friendly_name: &str) {
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
async fn campaign_assignments_are_followed() {
    let campaign = Uuid::now_v7().to_string();
    let desk = Desk::open_with(&[("SIGNALWIRE_CAMPAIGN_ID", &campaign)]).await;
    let insert = "insert into phone_number_readiness (phone_number_id, workspace_id, messaging_readiness) select id, workspace_id, 'pending' from workspace_phone_numbers";
    desk.fixture.sql.execute(insert, &[]).await.unwrap();
    let number = desk.fixture.row("workspace_phone_numbers").await["id"].clone();
    let number = number.as_str().unwrap().to_owned();
    let (report, correlations) = desk.told().await;
    assert_eq!(report["counts"]["campaign_assignments_asked"], 1);
    // what the run says of the number, the carrier says when it calls back
    assert!(
        correlations.contains(&number),
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
async fn what_the_campaign_did_not_take_is_asked_for_again_after_a_day() {
    let campaign = Uuid::now_v7().to_string();
    let desk = Desk::open_with(&[("SIGNALWIRE_CAMPAIGN_ID", &campaign)]).await;
    // bought before there was a campaign
    let insert = "insert into phone_number_readiness (phone_number_id, workspace_id, messaging_readiness) select id, workspace_id, 'not_required' from workspace_phone_numbers";
    desk.fixture.sql.execute(insert, &[]).await.unwrap();
    assert_eq!(desk.run().await["counts"]["campaign_assignments_asked"], 1);
    assert_eq!(
        desk.fixture.row("phone_number_readiness").await["messaging_readiness"],
        "pending"
    );
    desk.fixture.simulator.fail_assignment(NUMBER, true);
    desk.fixture.simulator.settle().await;
    for _ in 0..2 {
        let report = desk.run().await;
        assert!(
            report["counts"].get("campaign_assignments_asked").is_none(),
            "{report}"
        );
        let readiness = desk.fixture.row("phone_number_readiness").await;
        assert_eq!(readiness["messaging_readiness"], "failed", "{readiness}");
    }
    let a_day_ago = "update phone_number_readiness set updated_at = now() - interval '25 hours'";
    desk.fixture.sql.batch_execute(a_day_ago).await.unwrap();
    desk.fixture.simulator.fail_assignment(NUMBER, false);
    assert_eq!(desk.run().await["counts"]["campaign_assignments_asked"], 1);
    assert!(
        desk.run().await["counts"]
            .get("campaign_assignments_asked")
            .is_none()
    );
    desk.fixture.simulator.settle().await;
    desk.run().await;
    assert_eq!(
        desk.fixture.row("phone_number_readiness").await["messaging_readiness"],
        "ready"
    );
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
