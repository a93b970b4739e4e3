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
