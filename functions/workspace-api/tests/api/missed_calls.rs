//! Texting back whoever called and was not answered.

use crate::support::{CUSTOMER, NUMBER, Office};
use serde_json::Value;

async fn called(office: &Office, sid: &str, caller: &str) {
    let call = "select record_inbound_call(gen_random_uuid(), $1, $2, $3, 'ringing', false, now())";
    office
        .fixture
        .sql
        .execute(call, &[&sid, &NUMBER, &caller])
        .await
        .unwrap();
}

async fn reported(office: &Office, kind: &str, sid: &str, status: &str) {
    let report = "select record_report($1, null, $2, jsonb_build_object('status', $3::text))";
    office
        .fixture
        .sql
        .execute(report, &[&kind, &sid, &status])
        .await
        .unwrap();
}

async fn texts(office: &Office) -> Vec<Value> {
    office
        .fixture
        .rows("conversation_messages where answers_call is not null order by created_at")
        .await
}

async fn settings(office: &Office, forward_to: &str) {
    let insert = "insert into voice_settings (phone_number_id, forward_to, missed_call_text)
                  values ($1, $2::text::text[], 'Sorry we missed you!')
                  on conflict (phone_number_id) do update set forward_to = excluded.forward_to";
    office
        .fixture
        .sql
        .execute(insert, &[&office.number, &forward_to])
        .await
        .unwrap();
}

#[tokio::test]
async fn once_a_call_whatever_is_reported() {
    let office = Office::open().await;
    settings(&office, "{}").await;
    called(&office, "CA1", CUSTOMER).await;
    for _ in 0..3 {
        reported(&office, "call", "CA1", "completed").await;
    }
    reported(&office, "dial", "CA1", "no-answer").await;
    let texts = texts(&office).await;
    assert_eq!(texts.len(), 1);
    assert_eq!(
        (
            &texts[0]["body"],
            &texts[0]["recipient_phone"],
            &texts[0]["status"]
        ),
        (&"Sorry we missed you!".into(), &CUSTOMER.into(), &"queued".into())
    );
    // it is a held message, due now: the reconciler's next run sends it
    let due = office
        .fixture
        .sql
        .query_one("select outcome, body from release_held()", &[])
        .await
        .unwrap();
    assert_eq!(
        (due.get::<_, &str>(0), due.get::<_, &str>(1)),
        ("send", "Sorry we missed you!")
    );
}

#[tokio::test]
async fn an_answered_call_gets_none() {
    let office = Office::open().await;
    settings(&office, "{+14155550111}").await;
    called(&office, "CA1", CUSTOMER).await;
    reported(&office, "dial", "CA1", "completed").await;
    reported(&office, "call", "CA1", "completed").await;
    assert!(texts(&office).await.is_empty());
    // the same, but the end overtakes the word about the leg
    called(&office, "CA2", CUSTOMER).await;
    reported(&office, "call", "CA2", "completed").await;
    assert_eq!(texts(&office).await[0]["status"], "queued");
    assert!(
        office
            .fixture
            .sql
            .query_one("select outcome from release_held()", &[])
            .await
            .unwrap()
            .get::<_, Option<&str>>(0)
            .is_none()
    );
    reported(&office, "dial", "CA2", "completed").await;
    assert_eq!(texts(&office).await[0]["status"], "canceled");
}

#[tokio::test]
async fn who_opted_out_or_hides_or_calls_from_afar_gets_none() {
    let office = Office::open().await;
    settings(&office, "{}").await;
    let stop = "select record_consent($1, $2, $3, true, 'STOP', 'SM1', now())";
    office
        .fixture
        .sql
        .execute(stop, &[&office.workspace, &NUMBER, &CUSTOMER])
        .await
        .unwrap();
    for (sid, caller) in [("CA1", CUSTOMER), ("CA2", "+442079460958"), ("CA3", "+266696687")] {
        called(&office, sid, caller).await;
        reported(&office, "call", sid, "completed").await;
    }
    let pending = "insert into phone_number_readiness (phone_number_id, workspace_id, messaging_readiness) values ($1, $2, 'pending')";
    office
        .fixture
        .sql
        .execute(pending, &[&office.number, &office.workspace])
        .await
        .unwrap();
    called(&office, "CA4", "+14155551299").await;
    reported(&office, "call", "CA4", "completed").await;
    assert!(texts(&office).await.is_empty());
    assert_eq!(
        office.fixture.count("conversations where channel = 'sms'").await,
        0
    );
}
