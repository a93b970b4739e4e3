//! A forwarded call is paid for: where it never goes.

use crate::support::{ACME, Desk, NUMBER, PATH, call, voicemail};
use serde_json::json;

#[tokio::test]
async fn targets_that_are_blocked_or_abroad_are_left_out() {
    let desk = Desk::open_with(|fixture| fixture.set("ALLOWED_COUNTRIES", "US,JM")).await;
    let good = "<Number>+14155550111</Number>";
    for (index, (bad, counted)) in [
        ("+19005551234", 1),
        ("+14159765123", 1),
        ("+8816123456789", 1),
        ("+18765551234", 1), // the country is allowed, its prices are not
        ("+442079460958", 0),
        ("+14165551234", 0),
    ]
    .into_iter()
    .enumerate()
    {
        desk.execute("delete from refusals").await;
        desk.settings("forward_to", &format!("'{{{bad},+14155550111}}'"))
            .await;
        for _ in 0..2 {
            let answer = desk.call(&format!("CA{index}")).await;
            assert!(answer.contains(good) && !answer.contains(bad), "{bad}: {answer}");
        }
        desk.settings("forward_to", &format!("'{{{bad}}}'")).await;
        let sid = format!("CB{index}");
        assert_eq!(desk.call(&sid).await, voicemail(ACME, &sid), "{bad}");
        let told = desk
            .fixture
            .rows("refusals where code = 'destination_blocked'")
            .await;
        assert_eq!(
            told.first().map_or(json!(0), |row| row["count"].clone()),
            json!(2 * counted),
            "{bad}"
        );
    }
}

#[tokio::test]
async fn a_workspace_that_was_stopped_forwards_nothing() {
    let desk = Desk::open().await;
    desk.settings("forward_to", "'{+14155550111}'").await;
    let stop = |value: &str| {
        format!(
            "select set_limits('{}', '{{\"sending_enabled\": {value}}}')",
            desk.workspace
        )
    };
    desk.execute(&stop("false")).await;
    assert_eq!(desk.call("CA1").await, voicemail(ACME, "CA1"));
    assert_eq!(desk.fixture.row("refusals").await["code"], "sending_disabled");
    desk.execute(&stop("true")).await;
    assert!(desk.call("CA2").await.contains("<Number>+14155550111</Number>"));
}

/// Whoever is missed may be texted back where any other text may go.
#[tokio::test]
async fn whether_a_caller_may_be_texted_is_judged_like_any_other_destination() {
    let desk = Desk::open_with(|fixture| fixture.set("ALLOWED_COUNTRIES", "US,GB")).await;
    for (index, (caller, may_text)) in [
        ("+14155551234", true),
        ("+447400123456", true),
        ("+14165551234", false), // Canada
        ("+4915123456789", false),
        ("+19005551234", false),
        ("+44740012", false),
        ("+266696687", false), // what some networks say for a withheld number
        ("anonymous", false),
    ]
    .into_iter()
    .enumerate()
    {
        let sid = format!("CA{index}");
        for _ in 0..2 {
            desk.send(PATH, &call(&sid, caller, NUMBER)).await;
        }
        let table = format!("conversation_messages where external_id = '{sid}'");
        let row = desk.fixture.row(&table).await;
        assert_eq!(row["may_text_back"], may_text, "{caller}");
    }
}
