//! Blocked destinations, quiet hours, spend.

use crate::support::{database, rows};

#[tokio::test]
async fn blocked_destinations_are_data() {
    let database = database().await;
    let sql = database.superuser_client().await;
    let because = |number: &str| format!("select blocked_because('{number}')");
    for number in [
        "+19005551234",
        "+16005551234",
        "+17005551234",
        "+14159765123",
        "+870773111632",
        "+8816123456789",
        "+88216123456",
        "+883510000000",
        "+979123456789",
    ] {
        assert_ne!(rows(&sql, &because(number)).await, ["-"], "{number}");
    }
    for code in [
        "242", "246", "264", "268", "284", "345", "441", "473", "649", "664", "721", "758", "767", "784",
        "787", "809", "829", "849", "868", "869", "876",
    ] {
        assert!(
            rows(&sql, &because(&format!("+1{code}5551234"))).await[0].contains("high_cost"),
            "{code}"
        );
    }
    for number in [
        "+14155551234",
        "+14165559761",
        "+19025551234",
        "+442079460958",
        "+18085551234",
        "+18705551234",
    ] {
        assert_eq!(rows(&sql, &because(number)).await, ["-"], "{number}");
    }
    sql.batch_execute("select block_prefix('+1415555', 'a pump'); select unblock_prefix('+1876')")
        .await
        .unwrap();
    assert_eq!(
        rows(&sql, &because("+14155551234")).await,
        ["a pump (custom, +1415555)"]
    );
    assert_eq!(rows(&sql, &because("+18765551234")).await, ["-"]);
}

#[tokio::test]
async fn every_zone_is_one_that_postgres_knows() {
    let database = database().await;
    let sql = database.superuser_client().await;
    let unknown = "select distinct zone from phone_zones, unnest(zones) zone
                   where zone not in (select name from pg_timezone_names)";
    assert_eq!(rows(&sql, unknown).await, Vec::<String>::new());
    for (number, zones) in [
        ("+14055550123", "{America/Chicago}"),
        ("+12125550123", "{America/New_York}"),
        ("+18505550123", "{America/Chicago,America/New_York}"),
        ("+16025550123", "{America/Phoenix}"),
        ("+18085550123", "{Pacific/Honolulu}"),
        ("+17095550123", "{America/Halifax,America/St_Johns}"),
        ("+4930123456", "{Europe/Berlin}"),
        ("+15555550123", "{Etc/Mine}"),
    ] {
        let ask = format!("select phone_zones_of('{number}', 'Etc/Mine')");
        assert_eq!(rows(&sql, &ask).await, [zones], "{number}");
    }
}

#[tokio::test]
async fn quiet_hours_end_by_the_customers_clock() {
    let database = database().await;
    let sql = database.superuser_client().await;
    sql.batch_execute("set time zone 'UTC'").await.unwrap();
    for (from, until, zones, at, expected) in [
        // past midnight
        ("21:00", "08:00", "America/Chicago", "2026-01-10 02:59:59Z", "-"),
        (
            "21:00",
            "08:00",
            "America/Chicago",
            "2026-01-10 03:00:00Z",
            "2026-01-10 14:00:00+00",
        ),
        (
            "21:00",
            "08:00",
            "America/Chicago",
            "2026-01-10 13:59:59Z",
            "2026-01-10 14:00:00+00",
        ),
        ("21:00", "08:00", "America/Chicago", "2026-01-10 14:00:00Z", "-"),
        // within a day
        (
            "12:00",
            "14:00",
            "America/New_York",
            "2026-07-01 16:30:00Z",
            "2026-07-01 18:00:00+00",
        ),
        ("12:00", "14:00", "America/New_York", "2026-07-01 18:00:00Z", "-"),
        // two zones: while it is quiet in either
        (
            "21:00",
            "08:00",
            "America/Chicago,America/New_York",
            "2026-01-10 02:30:00Z",
            "2026-01-10 14:00:00+00",
        ),
        (
            "21:00",
            "08:00",
            "America/Chicago,America/New_York",
            "2026-01-10 13:30:00Z",
            "2026-01-10 14:00:00+00",
        ),
        // the hour that is left out in spring, and the one that comes twice in autumn
        (
            "23:00",
            "02:30",
            "America/New_York",
            "2026-03-08 05:30:00Z",
            "2026-03-08 07:30:00+00",
        ),
        (
            "23:00",
            "01:30",
            "America/New_York",
            "2026-11-01 04:30:00Z",
            "2026-11-01 06:30:00+00",
        ),
        // off
        ("08:00", "08:00", "America/New_York", "2026-07-01 12:00:00Z", "-"),
    ] {
        let ask = format!("select quiet_until('{from}', '{until}', '{{{zones}}}', '{at}')");
        assert_eq!(rows(&sql, &ask).await, [expected], "{ask}");
    }
    assert_eq!(
        rows(&sql, "select quiet_until(null, '08:00', '{UTC}', now())").await,
        ["-"]
    );
    // so far apart that it is always quiet somewhere: it ends all the same
    let far =
        "select quiet_until('09:00', '08:00', '{Asia/Tokyo,America/New_York,Europe/London}', now()) > now()";
    assert_eq!(rows(&sql, far).await, ["t"]);
}

#[tokio::test]
async fn spend_follows_the_carriers_prices() {
    let database = database().await;
    let sql = database.superuser_client().await;
    let workspace = "00000000-0000-7000-8000-000000000001";
    sql.batch_execute(&format!(
        "insert into workspaces (id, name, clerk_organization_id, subscription_tier) values ('{workspace}', 'Acme', 'org_1', 'professional');
         insert into workspace_phone_numbers (workspace_id, phone_number) values ('{workspace}', '+14055550123')"
    ))
    .await
    .unwrap();
    let spent = "select day_spend::numeric(8, 4) from sending_counters";
    let mut ids = Vec::new();
    for (channel, segments, attachments) in [("sms", 2, "[]"), ("sms", 1, "[{}]"), ("call", 0, "[]")] {
        let id = uuid::Uuid::now_v7();
        let send = format!(
            "select outcome from begin_outbound('{workspace}', 'org_1', null, 'messages:write', '{id}', null, '\\x00', '{channel}',
                '+14155551234', 'Hi', '{attachments}', {segments}, null, '+14056940235', null, null, now(), null, 'refuse')"
        );
        assert_eq!(rows(&sql, &send).await, ["created"]);
        ids.push(id);
    }
    assert_eq!(rows(&sql, spent).await, ["0.1000"]); // 2 segments, an MMS, a call
    let update =
        |what: &str, id: uuid::Uuid| format!("update conversation_messages set {what} where id = '{id}'");
    sql.batch_execute(&update("price = -0.0158", ids[0]))
        .await
        .unwrap();
    assert_eq!(rows(&sql, spent).await, ["0.0958"]);
    sql.batch_execute(&update("status = 'failed'", ids[1]))
        .await
        .unwrap();
    sql.batch_execute(&update("status = 'no-answer'", ids[2]))
        .await
        .unwrap();
    assert_eq!(rows(&sql, spent).await, ["0.0158"]);
    sql.batch_execute(&update("price = 0.02", ids[2])).await.unwrap();
    assert_eq!(rows(&sql, spent).await, ["0.0358"]);
    // another day's prices are that day's
    sql.batch_execute("update sending_counters set day = day + 1")
        .await
        .unwrap();
    sql.batch_execute(&update("price = 0.5", ids[2])).await.unwrap();
    assert_eq!(rows(&sql, spent).await, ["0.0358"]);
}
