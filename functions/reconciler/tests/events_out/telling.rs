//! What is told, to whom, how often.

use crate::desk::*;
use devstack::fixture::PLATFORM_NUMBER;
use serde_json::{Value, json};

#[tokio::test]
async fn each_is_told_once_however_often_it_is_delivered() {
    let desk = Desk::open(&[]).await;
    desk.received("SM1", "Hello").await;
    desk.received("SM2", "STOP").await;
    desk.sql(&format!(
        "insert into conversation_messages (id, workspace_id, conversation_id, direction, sender_phone, recipient_phone, external_id, status)
         select '00000000-0000-0000-0000-00000000000a', workspace_id, id, 'outbound', business_phone, customer_phone, 'SM3', 'queued' from conversations;
         insert into conversations (id, workspace_id, channel, business_phone, customer_phone) values ('00000000-0000-0000-0000-0000000000cc', '{}', 'call', '{NUMBER}', '{CUSTOMER}');
         insert into conversation_messages (workspace_id, conversation_id, direction, sender_phone, recipient_phone, external_id, status)
         values ('{}', '00000000-0000-0000-0000-0000000000cc', 'inbound', '{CUSTOMER}', '{NUMBER}', 'CA1', 'ringing')",
        desk.workspace, desk.workspace
    ))
    .await;
    for (kind, sid, status) in [
        ("message", "SM3", "delivered"),
        ("message", "SM3", "sent"),
        ("call", "CA1", "in-progress"),
        ("call", "CA1", "completed"),
    ] {
        for _ in 0..2 {
            desk.sql(&format!(
                "select record_report('{kind}', null, '{sid}', '{{\"status\": \"{status}\"}}')"
            ))
            .await;
        }
    }
    desk.sql(&format!(
        "insert into provisioning_orders (id, workspace_id, origin, state, phone_number_id)
         select '00000000-0000-0000-0000-0000000000b1', workspace_id, 'request', 'configuring', id from workspace_phone_numbers;
         update provisioning_orders set state = 'active';
         update provisioning_orders set state = 'active';
         insert into provisioning_orders (id, workspace_id, origin, state, reason)
         values ('00000000-0000-0000-0000-0000000000b2', '{}', 'request', 'needs_attention', 'number_limit: one');
         update workspace_phone_numbers set status = 'released';
         update workspace_phone_numbers set status = 'released'",
        desk.workspace
    ))
    .await;
    assert_eq!(
        desk.types().await,
        [
            "message.received",
            "message.received",
            "consent.changed",
            "message.status_changed",
            "call.completed",
            "number.provisioned",
            "number.failed",
            "number.released"
        ]
    );
    let told = "select event_document(e) from events e order by id";
    let rows = desk.fixture.sql.query(told, &[]).await.unwrap();
    let told: Vec<Value> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        (&told[0]["data"]["body"], &told[0]["data"]["from"]),
        (&json!("Hello"), &json!(CUSTOMER))
    );
    assert_eq!(
        (&told[2]["data"]["optedOut"], &told[2]["data"]["customerPhone"]),
        (&json!(true), &json!(CUSTOMER))
    );
    assert_eq!(
        (&told[3]["data"]["status"], &told[3]["data"]["previousStatus"]),
        (&json!("delivered"), &json!("queued"))
    );
    assert_eq!(told[4]["data"]["status"], "completed");
    assert_eq!(told[5]["data"]["phoneNumber"], NUMBER);
    assert_eq!(told[6]["data"]["reason"], "number_limit: one");
    assert_eq!(told[7]["data"]["phoneNumber"], NUMBER);
}

#[tokio::test]
async fn what_is_rolled_back_was_never_told() {
    let mut desk = Desk::open(&[]).await;
    let transaction = desk.fixture.sql.transaction().await.unwrap();
    transaction
        .batch_execute(&format!(
            "select record_inbound_message(gen_random_uuid(), 'SM1', 'sms', '{NUMBER}', '{CUSTOMER}', 'stop', '[]', 1, false, 'stop', 'STOP', now());
             update workspace_phone_numbers set status = 'released'"
        ))
        .await
        .unwrap();
    let inside: i64 = transaction
        .query_one("select count(*) from events", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(inside, 3);
    transaction.rollback().await.unwrap();
    assert_eq!(desk.fixture.count("events").await, 0);
    desk.received("SM1", "Hello").await;
    assert_eq!(desk.fixture.count("events").await, 1);
}

#[tokio::test]
async fn a_word_on_the_shared_number_is_told_to_everybody_whom_it_binds() {
    let desk = Desk::open(&[]).await;
    let (one, two) = (
        desk.fixture.workspace("Sam", "starter", "org_2").await,
        desk.fixture.workspace("Eve", "starter", "org_3").await,
    );
    for (workspace, minutes) in [(one, 5), (two, 1)] {
        desk.sql(&format!(
            "insert into conversations (workspace_id, channel, business_phone, customer_phone, last_outbound_at)
             values ('{workspace}', 'sms', '{PLATFORM_NUMBER}', '{CUSTOMER}', now() - interval '{minutes} minutes')"
        ))
        .await;
    }
    for _ in 0..2 {
        desk.receives(PLATFORM_NUMBER, "SM1", "STOP").await;
    }
    for workspace in [one, two] {
        let told = format!("events where workspace_id = '{workspace}' and type = 'consent.changed'");
        assert_eq!(desk.fixture.count(&told).await, 1);
    }
    assert_eq!(desk.fixture.count("events").await, 3, "and one message, to Eve");
}
