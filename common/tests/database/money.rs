//! Rates, plans and days: what is charged for which part of which month.

use crate::support::{database, rows};
use tokio_postgres::Client;

const ACME: &str = "00000000-0000-0000-0000-0000000000a1";

/// A workspace since the first of September, Pro until the sixteenth of October, then Enterprise.
const SEED: &str = "
    set timezone = 'UTC';
    insert into workspaces (id, name, subscription_tier, created_at) values
        ('00000000-0000-0000-0000-0000000000a1', 'Acme', 'professional', '2026-09-01'),
        ('00000000-0000-0000-0000-0000000000a2', 'Beta', 'professional', '2026-09-01');
    insert into workspace_plans (workspace_id, since, tier, is_active) values
        ('00000000-0000-0000-0000-0000000000a1', '2026-10-16 12:00', 'enterprise', true);
    insert into workspace_phone_numbers (workspace_id, phone_number, status, monthly_cost_cents, provisioned_at, released_at) values
        ('00000000-0000-0000-0000-0000000000a1', '+14055550001', 'active',   100, '2026-09-01', null),
        ('00000000-0000-0000-0000-0000000000a1', '+14055550002', 'active',   200, '2026-10-22', null),
        ('00000000-0000-0000-0000-0000000000a1', '+14055550003', 'released', 100, '2026-10-30 06:00', '2026-10-31 06:00'),
        ('00000000-0000-0000-0000-0000000000a2', '+14055550004', 'active',   100, '2026-09-01', null);
";

async fn seeded() -> (testkit::postgres::TestDatabase, Client) {
    let database = database().await;
    let sql = database.superuser_client().await;
    sql.batch_execute(SEED).await.expect("the seed fits the schema");
    (database, sql)
}

async fn totals(sql: &Client, from: &str, to: &str, zone: &str, what: &str) -> Vec<String> {
    let select = format!(
        "select {what} from usage_sums('{ACME}', '{from}', '{to}', '{zone}') s where s.level = 'total'"
    );
    rows(sql, &select).await
}

const MONEY: &str = "figures #>> '{cost,numbers}', figures #>> '{revenue,plan}', figures #>> '{revenue,extraNumbers}', figures ->> 'numberDays'";

#[tokio::test]
async fn by_the_part_of_the_month() {
    let (_database, sql) = seeded().await;
    // a whole month is its price; Pro includes the one number
    assert_eq!(
        totals(&sql, "2026-09-01", "2026-09-30", "UTC", MONEY).await,
        ["1.00 | 49.00 | 0.00 | 30.0000"]
    );
    // October: 15.5 of 31 days each plan; a second number for 10 days at its own $2, a third for one day, both extra
    assert_eq!(
        totals(&sql, "2026-10-01", "2026-10-31", "UTC", MONEY).await,
        [format!(
            "{} | 124.00 | {} | 42.0000",
            1.677_419_f64, // 1 + 2 * 10/31 + 1/31
            1.774_194_f64  // 5 * 11/31
        )]
    );
    // days add up to their sum
    let days = "select round(sum(revenue_plan), 6), round(sum(cost), 6) from usage_lines('00000000-0000-0000-0000-0000000000a1', '2026-10-01', '2026-10-31', 'UTC')";
    assert_eq!(rows(&sql, days).await, ["124.000000 | 1.677419"]);
    // a day that summer time makes an hour longer is one day all the same
    let day = "select number_days from usage_lines('00000000-0000-0000-0000-0000000000a1', '2026-11-01', '2026-11-01', 'America/Chicago') where phone_number = '+14055550001'";
    assert_eq!(
        rows(&sql, &day.replace("number_days", "round(number_days, 6)")).await,
        ["1.000000"]
    );
    // what is still to come costs nothing yet
    assert_eq!(
        totals(&sql, "2090-01-01", "2090-01-31", "UTC", MONEY).await,
        ["0.00 | 0.00 | 0.00 | 0.0000"]
    );
}

#[tokio::test]
async fn a_price_holds_from_its_day_on() {
    let (_database, sql) = seeded().await;
    sql.batch_execute(
        "insert into rates (kind, valid_from, amount, source) values ('number_month', '2026-09-16', 3, 'test'), ('sms_outbound_segment', '2026-09-16', 0.02, 'test');
         insert into plan_prices (tier, valid_from, monthly, numbers_included, source) values ('professional', '2026-09-16', 98, 1, 'test');
         insert into conversations (id, workspace_id, channel, business_phone, customer_phone)
         values ('00000000-0000-0000-0000-0000000000c1', '00000000-0000-0000-0000-0000000000a1', 'sms', '+14055550001', '+14155551234'),
                ('00000000-0000-0000-0000-0000000000c2', '00000000-0000-0000-0000-0000000000a1', 'whatsapp', '+14055550001', '+14155551234');
         insert into conversation_messages (workspace_id, conversation_id, direction, sender_phone, recipient_phone, status, segments, price, created_at)
         select '00000000-0000-0000-0000-0000000000a1', c::uuid, 'outbound', '+14055550001', '+14155551234', status, segments, price, at::timestamptz
         from (values ('00000000-0000-0000-0000-0000000000c1', 'sent', 2, null::numeric, '2026-09-15 23:00'),
                      ('00000000-0000-0000-0000-0000000000c1', 'sent', 2, null, '2026-09-16 01:00'),
                      ('00000000-0000-0000-0000-0000000000c1', 'failed', 2, null, '2026-09-16 01:00'),
                      ('00000000-0000-0000-0000-0000000000c1', 'delivered', 2, -0.011, '2026-09-16 01:00'),
                      ('00000000-0000-0000-0000-0000000000c2', 'delivered', 1, null, '2026-09-16 01:00')) v (c, status, segments, price, at)",
    )
    .await
    .unwrap();
    // half the month each
    assert_eq!(
        totals(&sql, "2026-09-01", "2026-09-30", "UTC", MONEY).await,
        ["2.00 | 73.50 | 0.00 | 30.0000"]
    );
    // 2 * 0.0079 + 2 * 0.02, nothing for the failed one, the carrier's own 0.011, and one that nobody has a price for
    let cost = "figures #>> '{cost,messages}', figures #>> '{cost,unpriced}', figures ->> 'messagesOut', figures ->> 'deliveredShare'";
    assert_eq!(
        totals(&sql, "2026-09-01", "2026-09-30", "UTC", cost).await,
        ["0.0668 | 1 | 5 | 0.4000"]
    );
    let share = "figures #>> '{cost,estimated}'";
    assert_eq!(
        totals(&sql, "2026-09-15", "2026-09-15", "UTC", share).await,
        ["0.049133"] // 2 * 0.0079 and a thirtieth of a dollar
    );
}

#[tokio::test]
async fn a_change_of_plan_is_remembered() {
    let (_database, sql) = seeded().await;
    let change =
        |set: &str| format!("update workspaces set {set} where id = '00000000-0000-0000-0000-0000000000a2'");
    for set in ["name = 'Beta 2'", "subscription_tier = 'enterprise'"] {
        sql.batch_execute(&change(set)).await.unwrap();
    }
    sql.batch_execute(&change("is_active = false")).await.unwrap();
    let kept = "select tier, is_active from workspace_plans where workspace_id = '00000000-0000-0000-0000-0000000000a2' order by since";
    assert_eq!(
        rows(&sql, kept).await,
        ["professional | t", "enterprise | t", "enterprise | f"]
    );
}

#[tokio::test]
async fn idle_numbers_and_what_they_cost() {
    let (_database, sql) = seeded().await;
    sql.batch_execute(
        "update workspace_phone_numbers set provisioned_at = now() - interval '40 days' where status <> 'released';
         insert into conversations (workspace_id, channel, business_phone, customer_phone, last_message_at) values
             ('00000000-0000-0000-0000-0000000000a1', 'sms', '+14055550001', '+14155551234', now() - interval '29 days'),
             ('00000000-0000-0000-0000-0000000000a1', 'sms', '+14055550002', '+14155551234', now() - interval '31 days')",
    )
    .await
    .unwrap();
    let idle = "select phone_number, idle_days, monthly_cost from idle_phone_numbers order by 1";
    assert_eq!(
        rows(&sql, idle).await,
        ["+14055550002 | 31 | 2.00", "+14055550004 | 40 | 1.00"]
    );
}

#[tokio::test]
async fn inbound_that_found_nobody() {
    let (_database, sql) = seeded().await;
    for (sid, to) in [
        ("SM1", "+14055550001"),
        ("SM2", "+14055550099"),
        ("SM3", "+14055550098"),
    ] {
        let call = format!(
            "select outcome from record_inbound_message(gen_random_uuid(), '{sid}', 'sms', '{to}', '+14155551234', 'Hi', '[]', 1, false, null, null, now())"
        );
        rows(&sql, &call).await;
    }
    let routing = "select routed, unrouted, success_rate from inbound_routing";
    assert_eq!(rows(&sql, routing).await, ["1 | 2 | 33.33"]);
    let reconcile = "select * from reconcile_messages('[{\"sid\": \"SM2\", \"inbound\": true, \"price\": \"0.004\", \"segments\": 1, \"status\": \"received\"}]')";
    assert!(rows(&sql, reconcile).await.is_empty(), "it is known");
    let platform = "select f #>> '{routing,unroutedCost}', f #>> '{routing,unroutedCostEstimated}', f #>> '{routing,successShare}'
                    from platform_usage_figures((now() at time zone 'UTC')::date, (now() at time zone 'UTC')::date, 'UTC') f";
    assert_eq!(rows(&sql, platform).await, ["0.0119 | 0.0079 | 0.3333"]);
}
