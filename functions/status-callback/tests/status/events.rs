//! The files of `events/status-callback`, as `cargo lambda invoke` sends them, against a function that checks signatures and one that does not.

use crate::events_dir;
use crate::support::Desk;

#[tokio::test]
async fn every_event_gives_what_is_expected_and_its_repeat_changes_nothing() {
    for signatures in ["required", "off"] {
        let desk = Desk::open_with(|fixture| fixture.set("WEBHOOK_SIGNATURES", signatures)).await;
        for event in events_dir::of("status-callback") {
            event.judge(&desk.app.handle(event.request()).await);
            let before = desk.everything().await;
            event.judge(&desk.app.handle(event.request()).await);
            assert_eq!(desk.everything().await, before, "{}", event.name);
        }
    }
}
