//! What our own calls do once they are answered.

use crate::support::{CALLER, Desk, NUMBER, PATH};
use uuid::Uuid;

async fn row(desk: &Desk, channel: &str, direction: &str, body: &str, connect: Option<&str>) -> Uuid {
    let insert = "with thread as (
                      insert into conversations (workspace_id, channel, business_phone, customer_phone) values ($1, $2, $3, $4)
                      on conflict (workspace_id, business_phone, customer_phone, channel) do update set updated_at = now() returning id)
                  insert into conversation_messages (workspace_id, conversation_id, direction, body, sender_phone, recipient_phone, status, connect_phone)
                  select $1, id, $5, $6, $3, $4, 'queued', $7 from thread returning id";
    let row = desk
        .fixture
        .sql
        .query_one(
            insert,
            &[
                &desk.workspace,
                &channel,
                &NUMBER,
                &CALLER,
                &direction,
                &body,
                &connect,
            ],
        )
        .await;
    row.expect("a message").get(0)
}

#[tokio::test]
async fn a_call_speaks_its_body_or_joins_two_people() {
    let desk = Desk::open().await;
    let spoken = row(
        &desk,
        "call",
        "outbound",
        "Your table <4> is ready & waiting",
        None,
    )
    .await;
    let joined = row(&desk, "call", "outbound", "", Some("+14155550111")).await;
    let announced = row(&desk, "call", "outbound", "Ada calls.", Some("+14155550111")).await;
    let dial = "<Dial callerId=\"+14055550123\" timeout=\"30\"><Number>+14155550101</Number></Dial>";
    let before = desk.everything().await;
    for (id, script) in [
        (
            spoken,
            "<Say>Your table &lt;4&gt; is ready &amp; waiting</Say><Hangup/>".to_owned(),
        ),
        (joined, dial.to_owned()),
        (announced, format!("<Say>Ada calls.</Say>{dial}")),
    ] {
        for _ in 0..2 {
            let answer = desk
                .send(
                    &format!("{PATH}/outbound/{id}"),
                    &[("CallSid", "CA1"), ("CallStatus", "in-progress")],
                )
                .await;
            assert_eq!(answer, format!("<Response>{script}</Response>"));
        }
    }
    assert_eq!(desk.everything().await, before);
}

#[tokio::test]
async fn only_a_call_of_ours_has_a_script() {
    let desk = Desk::open().await;
    let sms = row(&desk, "sms", "outbound", "secret", None).await;
    let inbound = row(&desk, "call", "inbound", "", None).await;
    for id in [sms, inbound, Uuid::now_v7()] {
        assert_eq!(
            desk.status(&format!("{PATH}/outbound/{id}"), &[("CallSid", "CA1")])
                .await,
            404
        );
    }
    for tail in ["/outbound/x", "/outbound/", "/else"] {
        assert_eq!(
            desk.status(&format!("{PATH}{tail}"), &[("CallSid", "CA1")]).await,
            404,
            "{tail}"
        );
    }
}
