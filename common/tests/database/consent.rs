//! Consent: the ledger, and that no order of a STOP and a send lets a message out behind it.

use crate::support::{database, rows};
use std::time::Duration;
use testkit::postgres::TestDatabase;
use tokio_postgres::Client;
use uuid::Uuid;

pub const ACME: &str = "00000000-0000-7000-8000-000000000001";
const OWN: &str = "+14055550123";
const SHARED: &str = "+14056940235";
pub const CUSTOMER: &str = "+14155551234";

pub async fn prepare(database: &TestDatabase) -> Client {
    let sql = database.superuser_client().await;
    sql.batch_execute(&format!(
        "insert into workspaces (id, name, clerk_organization_id, subscription_tier) values
            ('{ACME}', 'Acme', 'org_1', 'professional'),
            ('00000000-0000-7000-8000-000000000002', 'One', 'org_2', 'starter'),
            ('00000000-0000-7000-8000-000000000003', 'Two', 'org_3', 'starter');
         insert into workspace_phone_numbers (workspace_id, phone_number) values ('{ACME}', '{OWN}');"
    ))
    .await
    .expect("the schema takes them");
    sql
}

fn begin(id: Uuid, owner: char, channel: &str, quiet: &str) -> String {
    let workspace = ACME.replace("000001", &format!("00000{owner}"));
    format!(
        "select outcome from begin_outbound('{workspace}', 'org_{owner}', null, 'messages:write', '{id}', null, '\\x00', '{channel}',
            '{CUSTOMER}', 'Hi', '[]', 1, null, '{SHARED}', null, null, now(), null, '{quiet}')"
    )
}

fn stop(business: &str, word: &str) -> String {
    let keyword = if word == "STOP" { "stop" } else { "start" };
    let shared = business == SHARED;
    format!(
        "select outcome from record_inbound_message('{}', 'SM-{}', 'sms', '{business}', '{CUSTOMER}', '{word}', '[]', 1, {shared},
            '{keyword}', '{word}', now())",
        Uuid::now_v7(),
        Uuid::now_v7()
    )
}

fn by_hand(business: &str) -> String {
    let workspace = if business == OWN {
        format!("'{ACME}'")
    } else {
        "null".to_owned()
    };
    format!(
        "select change_consent({workspace}, '{business}', '{CUSTOMER}', true, 'ann', 'asked on the phone', now())"
    )
}

/// Until that session waits for a lock: a condition, no pause.
pub async fn blocked(watcher: &Client, pid: i32) {
    loop {
        let waits = "select wait_event_type = 'Lock' from pg_stat_activity where pid = $1";
        let row = watcher.query_one(waits, &[&pid]).await.expect("it can be asked");
        if row.get::<_, Option<bool>>(0) == Some(true) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub async fn pid(sql: &Client) -> i32 {
    let row = sql.query_one("select pg_backend_pid()", &[]).await;
    row.expect("it can be asked").get(0)
}

/// What stands in the way of a message: from its own number or a shared one, in a thread that is there or not.
const CASES: [(char, &str, bool); 4] = [
    ('1', OWN, false),
    ('1', OWN, true),
    ('2', SHARED, false),
    ('2', SHARED, true),
];

#[tokio::test]
async fn a_send_waits_for_a_stop_that_is_being_stored_and_then_obeys_it() {
    for (owner, business, has_thread) in CASES {
        for is_manual in [false, true] {
            for commits in [true, false] {
                let case = format!("{business} thread {has_thread} manual {is_manual} commits {commits}");
                let database = database().await;
                let sql = prepare(&database).await;
                if has_thread {
                    let first = begin(Uuid::now_v7(), owner, "sms", "refuse");
                    assert_eq!(rows(&sql, &first).await, ["created"], "{case}");
                    sql.batch_execute(
                        "update conversation_messages set status = 'sent', external_id = 'SM0'",
                    )
                    .await
                    .unwrap();
                }
                let (stopper, sender) = (
                    database.superuser_client().await,
                    database.superuser_client().await,
                );
                let sender_pid = pid(&sender).await;
                stopper.batch_execute("begin").await.unwrap();
                let word = if is_manual {
                    by_hand(business)
                } else {
                    stop(business, "STOP")
                };
                rows(&stopper, &word).await;
                let ask = begin(Uuid::now_v7(), owner, "sms", "refuse");
                let sending = async { rows(&sender, &ask).await };
                let ending = async {
                    blocked(&sql, sender_pid).await;
                    stopper
                        .batch_execute(if commits { "commit" } else { "rollback" })
                        .await
                        .unwrap();
                };
                let (outcome, ()) = tokio::join!(sending, ending);
                assert_eq!(outcome, [if commits { "opted_out" } else { "created" }], "{case}");
                let waiting = "select count(*) from conversation_messages where direction = 'outbound' and status = 'queued'";
                assert_eq!(
                    rows(&sql, waiting).await,
                    [if commits { "0" } else { "1" }],
                    "{case}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_stop_is_acknowledged_when_what_was_on_its_way_has_been_answered() {
    for (owner, business, has_thread) in CASES {
        let case = format!("{business} thread {has_thread}");
        let database = database().await;
        let sql = prepare(&database).await;
        if has_thread {
            rows(&sql, &begin(Uuid::now_v7(), owner, "sms", "refuse")).await;
            sql.batch_execute("update conversation_messages set status = 'sent', external_id = 'SM0'")
                .await
                .unwrap();
        }
        let (stopper, sender) = (
            database.superuser_client().await,
            database.superuser_client().await,
        );
        stopper
            .batch_execute("set ringspace.stop_patience = '10 minutes'")
            .await
            .unwrap();
        let stopper_pid = pid(&stopper).await;
        // the row is written, and its transaction is still open
        let id = Uuid::now_v7();
        sender.batch_execute("begin").await.unwrap();
        assert_eq!(
            rows(&sender, &begin(id, owner, "sms", "refuse")).await,
            ["created"],
            "{case}"
        );
        let word = stop(business, "STOP");
        let mut stopping = Box::pin(async { rows(&stopper, &word).await });
        tokio::select! {
            _ = &mut stopping => panic!("{case}: acknowledged beside an open send"),
            () = blocked(&sql, stopper_pid) => {}
        }
        // it is committed, and the carrier is being asked
        sender.batch_execute("commit").await.unwrap();
        let pausing = async {
            loop {
                let pauses = "select wait_event = 'PgSleep' from pg_stat_activity where pid = $1";
                let row = sql.query_one(pauses, &[&stopper_pid]).await.unwrap();
                if row.get::<_, Option<bool>>(0) == Some(true) {
                    return;
                }
            }
        };
        tokio::select! {
            _ = &mut stopping => panic!("{case}: acknowledged while a message is on its way"),
            () = pausing => {}
        }
        // a second send is not let in meanwhile
        let late = database.superuser_client().await;
        let late_pid = pid(&late).await;
        let ask = begin(Uuid::now_v7(), owner, "sms", "refuse");
        let mut second = Box::pin(async { rows(&late, &ask).await });
        tokio::select! {
            _ = &mut second => panic!("{case}: a send passed a STOP that is being stored"),
            () = blocked(&sql, late_pid) => {}
        }
        // the carrier has answered
        let workspace = ACME.replace("000001", &format!("00000{owner}"));
        sender
            .batch_execute(&format!(
                "select finish_outbound('{id}', '{workspace}', null, 'SM1', 'queued', null, null, 1, null, true, null)"
            ))
            .await
            .unwrap();
        let (stopped, second) = tokio::join!(stopping, second);
        // on the shared number nobody had written to this customer yet when the STOP was routed; it binds all the same
        let is_routed = business == OWN || has_thread;
        assert_eq!(
            stopped,
            [if is_routed { "recorded" } else { "unrouted" }],
            "{case}"
        );
        assert_eq!(second, ["opted_out"], "{case}");
    }
}

#[tokio::test]
async fn whatever_is_offered_again_or_later_asks_again() {
    let database = database().await;
    let sql = prepare(&database).await;
    let (stopper, sender) = (
        database.superuser_client().await,
        database.superuser_client().await,
    );
    let sender_pid = pid(&sender).await;
    sql.batch_execute("update tier_limits set quiet_from = '00:00', quiet_until = '23:59:59'")
        .await
        .unwrap();
    let held = Uuid::now_v7();
    assert_eq!(rows(&sql, &begin(held, '1', "sms", "hold")).await, ["held"]);
    sql.batch_execute(
        "update tier_limits set quiet_from = null; update conversation_messages set send_after = now() - interval '1 second'",
    )
    .await
    .unwrap();
    let again = Uuid::now_v7();
    let call = Uuid::now_v7();
    assert_eq!(rows(&sql, &begin(again, '1', "sms", "refuse")).await, ["created"]);
    assert_eq!(rows(&sql, &begin(call, '1', "call", "refuse")).await, ["created"]);
    let may = |id: Uuid| format!("select may_still_send('{ACME}', '{id}')");
    assert_eq!(rows(&sql, &may(again)).await, ["t"]);
    for (ask, refused) in [
        ("select outcome from release_held()".to_owned(), "skip"),
        (may(again), "f"),
        // the same call once more, after its answer was lost
        (begin(again, '1', "sms", "refuse"), "opted_out"),
    ] {
        // each waits for a STOP that is being stored; a first one is taken back
        stopper.batch_execute("begin").await.unwrap();
        rows(&stopper, &by_hand(OWN)).await;
        let asking = async { rows(&sender, &ask).await };
        let ending = async {
            blocked(&sql, sender_pid).await;
            stopper.batch_execute("commit").await.unwrap();
        };
        assert_eq!(tokio::join!(asking, ending).0, [refused], "{ask}");
    }
    let failed = "select count(*) from conversation_messages where status = 'failed' and error_message like 'the customer opted out%'";
    assert_eq!(rows(&sql, failed).await, ["2"]);
    // who asked not to be texted may still be called
    assert_eq!(rows(&sql, &may(call)).await, ["t"]);
    assert_eq!(
        rows(&sql, "select outcome is null from release_held()").await,
        ["t"]
    );
}

#[tokio::test]
async fn on_the_shared_number_a_stop_binds_every_starter_and_nobody_else() {
    let database = database().await;
    let sql = prepare(&database).await;
    assert_eq!(rows(&sql, &stop(SHARED, "STOP")).await, ["unrouted"]);
    for (owner, expected) in [('1', "created"), ('2', "opted_out"), ('3', "opted_out")] {
        assert_eq!(
            rows(&sql, &begin(Uuid::now_v7(), owner, "sms", "refuse")).await,
            [expected],
            "{owner}"
        );
    }
    rows(&sql, &stop(SHARED, "START")).await;
    for owner in ['2', '3'] {
        assert_eq!(
            rows(&sql, &begin(Uuid::now_v7(), owner, "sms", "refuse")).await,
            ["created"],
            "{owner}"
        );
    }
}

#[tokio::test]
async fn the_history_is_append_only_even_for_its_owner() {
    let database = database().await;
    let sql = prepare(&database).await;
    rows(&sql, &stop(OWN, "STOP")).await;
    rows(&sql, &by_hand(OWN)).await;
    let all = "select word, actor, reason, message_sid is not null from opt_out_changes order by id";
    let before = ["STOP | customer | - | t", "MANUAL | ann | asked on the phone | f"];
    assert_eq!(rows(&sql, all).await, before);
    for attempt in [
        "update opt_out_changes set opted_out = false",
        "delete from opt_out_changes",
        "truncate opt_out_changes",
    ] {
        let refused = sql.batch_execute(attempt).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "42501", "{attempt}");
    }
    let nameless = format!(
        "insert into opt_out_changes (business_phone, customer_phone, opted_out, word, actor, changed_at)
         values ('{OWN}', '{CUSTOMER}', true, 'MANUAL', 'ann', now())"
    );
    assert_eq!(
        sql.batch_execute(&nameless)
            .await
            .unwrap_err()
            .code()
            .unwrap()
            .code(),
        "23514"
    );
    assert_eq!(rows(&sql, all).await, before);
    for (actor, reason, expected) in [
        ("ann", "", "a change by hand needs a reason"),
        ("", "x", "a change by hand needs the name of who makes it"),
        ("customer", "x", "a change by hand needs the name of who makes it"),
    ] {
        let change = format!(
            "select change_consent('{ACME}', '{OWN}', '{CUSTOMER}', false, '{actor}', '{reason}', now())"
        );
        assert_eq!(rows(&sql, &change).await, [expected]);
    }
    assert_eq!(
        rows(
            &sql,
            &format!("select is_opted_out('{ACME}', '{OWN}', '{CUSTOMER}')")
        )
        .await,
        ["t"]
    );
}

#[tokio::test]
async fn what_the_carrier_knows_is_kept_too() {
    let database = database().await;
    let sql = prepare(&database).await;
    let id = Uuid::now_v7();
    rows(&sql, &begin(id, '1', "sms", "refuse")).await;
    let finish = |code: &str| {
        format!(
            "select finish_outbound('{id}', '{ACME}', null, null, 'failed', '{code}', 'x', 1, null, true, null)"
        )
    };
    sql.batch_execute(&finish("21610")).await.unwrap();
    assert_eq!(
        rows(&sql, "select opted_out, word, actor from opt_out_changes").await,
        ["t | 21610 | carrier"]
    );
    assert_eq!(
        rows(&sql, &begin(Uuid::now_v7(), '1', "sms", "refuse")).await,
        ["opted_out"]
    );
}
