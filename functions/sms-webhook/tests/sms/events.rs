//! The files of `events/sms-webhook`, as `cargo lambda invoke` sends them, against a function that checks signatures and one that does not.

use crate::events_dir;
use devstack::fixture::Fixture;
use sms_webhook::App;

#[tokio::test]
async fn every_event_gives_what_is_expected_and_its_repeat_changes_nothing() {
    for signatures in ["required", "off"] {
        play(signatures).await;
    }
}

async fn play(signatures: &str) {
    let mut fixture = Fixture::of("sms-webhook").await;
    fixture.set("WEBHOOK_SIGNATURES", signatures);
    let demo = fixture
        .workspace("Acme Plumbing", "professional", "org_demo")
        .await;
    fixture.number(demo, "+14055551234", "primary").await;
    let app = App::start_with(fixture.settings())
        .await
        .expect("the settings are right");
    for event in events_dir::of("sms-webhook") {
        event.judge(&app.handle(event.request()).await);
        let count = async || {
            (
                fixture.rows("conversations order by id").await,
                fixture.rows("conversation_messages order by id").await,
                fixture.rows("unrouted_messages order by id").await,
                fixture.rows("opt_out_changes order by id").await,
            )
        };
        let before = count().await;
        event.judge(&app.handle(event.request()).await);
        assert_eq!(count().await, before, "{}", event.name);
    }
}
