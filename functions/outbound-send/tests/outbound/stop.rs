//! A STOP beside sends under way, through the function itself: once it is acknowledged the carrier hears of no more messages.

use crate::support::{Desk, NUMBER};
use devstack::fixture::{json as read, request};
use futures_util::future::join_all;
use outbound_send::App;
use serde_json::json;
use uuid::Uuid;

/// Lets others run so many times before going on: another interleaving each.
async fn after(turns: usize) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn nothing_reaches_the_carrier_after_an_acknowledged_stop() {
    let desk = Desk::open(&[]).await;
    let sql = desk.fixture.database.superuser_client().await;
    // as long as the carrier takes, however slow this machine is
    sql.batch_execute("set ringspace.stop_patience = '10 minutes'")
        .await
        .unwrap();
    // one request at a time in each function, as under Lambda
    let mut apps = Vec::new();
    for _ in 0..4 {
        apps.push(App::start_with(desk.fixture.settings()).await.unwrap());
    }
    let authorization = format!("Bearer {}", desk.token("org_1", "member"));
    let headers = [("authorization", authorization.as_str())];
    let stop = "select outcome from record_inbound_message($1, $2, 'sms', $3, $4, 'STOP', '[]', 1, false, 'stop', 'STOP', now())";
    let (mut sent, mut refused) = (0, 0);
    for round in 0..40 {
        let customer = format!("+1415555{:04}", 2000 + round);
        let body = json!({ "channel": "sms", "to": customer, "body": "Hi", "workspaceId": desk.workspace });
        let to_customer = || {
            let ledger = desk.fixture.simulator.ledger();
            ledger
                .messages
                .iter()
                .filter(|message| message.to == customer)
                .count()
        };
        let stopping = async {
            after(round * 7).await;
            let sid = format!("SM{round}");
            sql.query_one(stop, &[&Uuid::now_v7(), &sid, &NUMBER, &customer])
                .await
                .unwrap();
            to_customer()
        };
        let text = body.to_string();
        let event =
            || testkit::runtime_api::http_event("POST", "/api/communications", "", &headers, text.as_bytes());
        let sends = join_all(apps.iter().enumerate().map(|(turn, app)| {
            let event = event();
            async move {
                after(turn * 40).await;
                let response = app.handle(request(event)).await;
                (response.status().as_u16(), read(&response))
            }
        }));
        let (acknowledged, answers) = tokio::join!(stopping, sends);
        assert_eq!(
            to_customer(),
            acknowledged,
            "round {round}: sent after the acknowledgement"
        );
        for (status, answer) in answers {
            match status {
                201 => sent += 1,
                409 => refused += usize::from(answer["code"] == "opted_out"),
                _ => panic!("{status} {answer}"),
            }
        }
        assert_eq!(desk.ask(&body).await.0, 409, "round {round}");
    }
    assert_eq!((sent + refused, desk.carried()), (160, sent));
    assert!(
        sent > 0 && refused > 0,
        "both happened: {sent} sent, {refused} refused"
    );
}

/// The statement that gives leave takes longer than the leave holds, and a STOP stands in line behind it: the STOP waits for the send
/// as long as it waits for anything, and is acknowledged. Then nothing may begin.
#[tokio::test]
async fn a_send_that_comes_late_asks_again() {
    let desk = Desk::open(&[]).await;
    let to_customer = "+14155553000";
    let body = json!({ "channel": "sms", "to": to_customer, "body": "Hi", "workspaceId": desk.workspace });
    let lock = desk.fixture.database.superuser_client().await;
    // in a transaction of its own each time: within one, who waits is read once
    let watch = desk.fixture.database.superuser_client().await;
    let waiting = async |count: i64| {
        let blocked = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
        while watch.query_one(blocked, &[]).await.unwrap().get::<_, i64>(0) < count {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let stopping = desk.fixture.database.superuser_client().await;
    for is_stopped in [false, true] {
        lock.batch_execute("begin").await.unwrap();
        let consent = "select lock_consent($1, $2)";
        lock.execute(consent, &[&NUMBER, &to_customer]).await.unwrap();
        let held = async {
            waiting(1).await;
            if is_stopped {
                waiting(2).await;
            }
            // longer than any leave holds
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            lock.batch_execute("commit").await.unwrap();
        };
        let stop = async {
            if is_stopped {
                waiting(1).await;
                // by hand, since that asks for the lock first of all: whoever comes first has it first
                let stop = "select change_consent($1, $2, $3, true, 'ann', 'asked by telephone', now())";
                let wrong = stopping
                    .query_one(stop, &[&desk.workspace, &NUMBER, &to_customer])
                    .await
                    .unwrap();
                assert_eq!(wrong.get::<_, Option<&str>>(0), None);
            }
            desk.carried()
        };
        let (answer, carried, ()) = tokio::join!(desk.ask(&body), stop, held);
        if is_stopped {
            assert_eq!((answer.0, &answer.1["code"]), (409, &json!("opted_out")));
            assert_eq!((carried, desk.carried()), (1, 1), "nothing more than the first");
            let row = "conversation_messages where status = 'failed' and external_id is null and offered_at is null";
            assert_eq!(desk.fixture.count(row).await, 1);
        } else {
            assert_eq!(answer.0, 201, "{}", answer.1);
            assert_eq!(desk.carried(), 1);
            assert_eq!(
                desk.fixture
                    .count("conversation_messages where offered_at is not null")
                    .await,
                1,
                "it asked again before it was sent"
            );
        }
    }
}
