//! What operators are told, and what stands behind it.

use crate::consent::{ACME, CUSTOMER, prepare};
use crate::support::{database, rows};
use common::domain::segments;
use proptest::strategy::{Strategy, ValueTree};
use tokio_postgres::Client;

async fn figure(sql: &Client, name: &str) -> String {
    let figures = rows(sql, &format!("select platform_figures() ->> '{name}'")).await;
    figures.into_iter().next().unwrap_or_default()
}

#[tokio::test]
async fn sends_after_a_stop_are_judged_by_when_they_were_offered() {
    let database = database().await;
    let sql = prepare(&database).await;
    sql.batch_execute(&format!(
        "insert into conversations (id, workspace_id, business_phone, customer_phone, channel, last_outbound_at)
             values ('{ACME}', '{ACME}', '+14055550123', '{CUSTOMER}', 'sms', now() - interval '2 hours');
         insert into opt_outs (workspace_id, business_phone, customer_phone, opted_out, word, changed_at)
             values ('{ACME}', '+14055550123', '{CUSTOMER}', true, 'STOP', now() - interval '1 hour');
         insert into conversation_messages (workspace_id, conversation_id, direction, sender_phone, recipient_phone, status, created_at)
             values ('{ACME}', '{ACME}', 'outbound', '+14055550123', '{CUSTOMER}', 'sent', now() - interval '2 hours')"
    ))
    .await
    .expect("the schema takes them");
    assert_eq!(figure(&sql, "sent_after_stop").await, "0");
    for moment in ["released_at", "offered_at"] {
        let offered = format!("update conversation_messages set {moment} = now() - interval '30 minutes'");
        sql.batch_execute(&offered).await.expect("there is one");
        assert_eq!(figure(&sql, "sent_after_stop").await, "1", "{moment}");
        let before = format!("update conversation_messages set {moment} = null");
        sql.batch_execute(&before).await.expect("there is one");
    }
    sql.batch_execute("update conversation_messages set created_at = now() - interval '10 minutes'")
        .await
        .expect("there is one");
    assert_eq!(figure(&sql, "sent_after_stop").await, "1");
}

#[tokio::test]
async fn what_nobody_can_cure_holds_no_alarm() {
    let database = database().await;
    let sql = prepare(&database).await;
    let order = "insert into provisioning_orders (id, workspace_id, origin, state, reason) values (gen_random_uuid(), $1::text::uuid, 'request', 'needs_attention', $2)";
    for (reason, counted) in [
        ("number_limit: the workspace may have 1 number(s)", "0"),
        ("no balance", "1"),
    ] {
        sql.execute(order, &[&ACME, &reason])
            .await
            .expect("it is an order");
        assert_eq!(figure(&sql, "orders_needing_attention").await, counted);
    }
    for (age, counted) in [("2 days", "0"), ("2 hours", "1"), ("1 minute", "1")] {
        let parked = format!(
            "insert into parked_reports (kind, external_id, report, received_at) values ('message', '{age}', '{{}}', now() - interval '{age}')"
        );
        sql.batch_execute(&parked).await.expect("it is a report");
        assert_eq!(figure(&sql, "reports_parked").await, counted, "{age}");
    }
}

/// The carrier has taken it back; an upgrade that came in between has called the release off.
#[tokio::test]
async fn a_release_that_was_carried_out_is_one() {
    let database = database().await;
    let sql = prepare(&database).await;
    let number = "select n.status, n.released_at is not null from workspace_phone_numbers n";
    for call in [
        "select save_release(id, 'not yet', 60) from workspace_phone_numbers",
        "select save_release(id, null, 60) from workspace_phone_numbers",
        "select save_release(id, null, 60) from workspace_phone_numbers",
    ] {
        sql.batch_execute(call).await.expect("there is one");
        let expected = if call.contains("not yet") {
            "active | f"
        } else {
            "released | t"
        };
        assert_eq!(rows(&sql, number).await, [expected], "{call}");
    }
}

#[tokio::test]
async fn segments_are_counted_as_everywhere_else() {
    let database = database().await;
    let sql = database.superuser_client().await;
    let mut texts = Vec::new();
    for letter in ["a", "€", "ж", "😀", "ab€", "[x", "é", "ê", "\n", "`"] {
        for length in [
            1, 35, 36, 66, 67, 68, 70, 71, 76, 77, 80, 81, 134, 135, 153, 160, 161, 306, 307,
        ] {
            texts.push(letter.repeat(length));
        }
    }
    let letters = proptest::collection::vec(
        proptest::sample::select("abz €[]{}~^|\\\n@£éж😀ç".chars().collect::<Vec<char>>()),
        1..330,
    );
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..200 {
        let tree = letters.new_tree(&mut runner).expect("it has a value");
        texts.push(tree.current().into_iter().collect());
    }
    for text in texts {
        let row = sql
            .query_one("select segments_of($1)", &[&text])
            .await
            .expect("it is a text");
        assert_eq!(row.get::<_, i32>(0), segments::count(&text), "{text:?}");
    }
}
