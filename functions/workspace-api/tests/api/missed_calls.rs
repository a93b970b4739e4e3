//! Texting back whoever called and was not answered.

use crate::support::{CUSTOMER, NUMBER, Office};
use devstack::fixture::migrate;
use devstack::stack::{Options, Schedule, Stack};
use serde_json::Value;
use simulator::CallScript;
use testkit::postgres::TestDatabase;
use uuid::Uuid;

async fn called(office: &Office, sid: &str, caller: &str) {
    called_from(office, sid, caller, true).await;
}

async fn called_from(office: &Office, sid: &str, caller: &str, may_text: bool) {
    let call = "select record_inbound_call(gen_random_uuid(), $1, $2, $3, 'ringing', false, $4, now())";
    office
        .fixture
        .sql
        .execute(call, &[&sid, &NUMBER, &caller, &may_text])
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
async fn who_opted_out_or_may_not_be_texted_gets_none() {
    let office = Office::open().await;
    settings(&office, "{}").await;
    let stop = "select record_consent($1, $2, $3, true, 'STOP', 'SM1', now())";
    office
        .fixture
        .sql
        .execute(stop, &[&office.workspace, &NUMBER, &CUSTOMER])
        .await
        .unwrap();
    for (sid, caller, may_text) in [
        ("CA1", CUSTOMER, true),
        ("CA2", "+442079460958", false),
        ("CA3", "anonymous", false),
        ("CA5", "+18765551234", true), // the country may be allowed, its prices are not
    ] {
        called_from(&office, sid, caller, may_text).await;
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

#[tokio::test]
async fn a_caller_from_another_country_that_is_allowed_gets_one() {
    let office = Office::open().await;
    settings(&office, "{}").await;
    called_from(&office, "CA1", "+442079460958", true).await;
    reported(&office, "call", "CA1", "completed").await;
    assert_eq!(texts(&office).await[0]["recipient_phone"], "+442079460958");
}

/// From the call to the carrier: all functions, and the reconciler who sends what is due.
#[tokio::test]
async fn the_caller_gets_one_text_from_the_number_that_was_called() {
    const STOPPED: &str = "+14155550177";
    let database = TestDatabase::create(migrate).await;
    let stack = Stack::start(Options::on(&database)).await.unwrap();
    let sql = stack.inspect().await.unwrap();
    let insert = "insert into workspaces (name, slug, clerk_organization_id, subscription_tier)
                  values ('Acme', 'acme', 'org_acme', 'enterprise') returning id";
    let workspace: Uuid = sql.query_one(insert, &[]).await.unwrap().get(0);
    let number = stack.lend_number(workspace, NUMBER).await.unwrap();
    stack.lend_number(workspace, "+14055550124").await.unwrap();
    let settings = "insert into voice_settings (phone_number_id, forward_to, missed_call_text)
                    values ($1, '{+14155550111}', 'Sorry we missed you!')";
    sql.execute(settings, &[&number]).await.unwrap();
    // whatever the clock says, it is no quiet hour
    sql.batch_execute("update tier_limits set quiet_from = null")
        .await
        .unwrap();
    let carrier = stack.simulator();
    let sent = || carrier.messages(|message| message.direction == "outbound-api");

    carrier.inbound_sms(STOPPED, NUMBER, "STOP").await;
    carrier.inbound_call(STOPPED, NUMBER, CallScript::missed()).await;
    carrier
        .inbound_call(CUSTOMER, NUMBER, CallScript::answered(30))
        .await;
    let missed = carrier.inbound_call(CUSTOMER, NUMBER, CallScript::missed()).await;
    stack.settle().await;
    // every webhook of the call a second time
    for exchange in carrier.ledger().exchanges {
        carrier.repeat_exchange(&exchange).await;
    }
    stack.settle().await;
    assert!(sent().is_empty(), "it waits for the reconciler");

    let (one, two) = tokio::join!(
        stack.reconcile(Schedule::FiveMinutes),
        stack.reconcile(Schedule::FiveMinutes)
    );
    let counted = [one.unwrap(), two.unwrap()];
    stack.settle().await;
    for exchange in carrier.ledger().exchanges {
        carrier.repeat_exchange(&exchange).await;
    }
    stack.reconcile(Schedule::FiveMinutes).await.unwrap();
    stack.settle().await;

    let sent = sent();
    assert_eq!(sent.len(), 1, "{counted:?}");
    assert_eq!(
        (sent[0].from.as_str(), sent[0].to.as_str(), sent[0].body.as_str()),
        (NUMBER, CUSTOMER, "Sorry we missed you!")
    );
    let rows = sql
        .query(
            "select t.status, t.external_id, m.external_id, c.message_count
             from conversation_messages t
             join conversation_messages m on m.id = t.answers_call
             join conversations c on c.id = t.conversation_id",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0].get::<_, &str>(0), rows[0].get::<_, &str>(1)),
        ("delivered", sent[0].sid.as_str())
    );
    assert_eq!(
        (rows[0].get::<_, &str>(2), rows[0].get::<_, i32>(3)),
        (missed.sid.as_str(), 1)
    );
    stack.shutdown().await.unwrap();
}
