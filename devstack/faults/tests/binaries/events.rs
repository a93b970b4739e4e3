//! Every file of `events/` through its function, twice, with the answer that `events/expected.json` states.

use crate::world::{World, directory, event, log_of};
use faults::programs::FUNCTIONS;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

/// The names of a function's events, sorted.
fn events_of(function: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(directory().join(function));
    let names = entries
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.map(|name| format!("{function}/{name}")).collect()
}

#[tokio::test]
async fn each_is_answered_as_expected_by_the_binary() {
    let world = World::open().await;
    let expected = event("expected.json");
    let expected = expected.as_object().unwrap();
    let mut judged = BTreeSet::new();
    for function in FUNCTIONS {
        let started = world.start(function).await;
        for name in events_of(function) {
            let wanted = expected
                .get(&name)
                .unwrap_or_else(|| panic!("nothing is expected of {name}"));
            for time in ["first", "second"] {
                let answer = started.invoke(event(&name)).await;
                let answer = answer.unwrap_or_else(|error| panic!("{name}, the {time} time: {error}"));
                for (key, value) in wanted.as_object().unwrap() {
                    assert_eq!(
                        &answer[key], value,
                        "`{key}` of {name}, the {time} time: {answer}"
                    );
                }
            }
            judged.insert(name);
        }
        for line in log_of(&started) {
            assert!(
                !shows_a_number(&line.to_string()),
                "{function} logs a number: {line}"
            );
        }
        started.close().await;
    }
    let forgotten: Vec<_> = expected.keys().filter(|name| !judged.contains(*name)).collect();
    assert!(forgotten.is_empty(), "no function was sent {forgotten:?}");
    world.stack.settle().await;
    assert_eq!(world.stack.dead_letters(), []);
    let doubled = "(select 1 from conversation_messages where external_id is not null
                    group by workspace_id, external_id having count(*) > 1) as doubled";
    assert_eq!(world.count(doubled).await, 0);
    world.stack.shutdown().await.unwrap();
}

/// Whether there is an unmasked number: a plus and ten digits or more.
fn shows_a_number(text: &str) -> bool {
    text.split('+').skip(1).any(|rest| {
        let digits = rest.chars().take_while(char::is_ascii_digit).count();
        digits >= 10
    })
}

#[test]
fn masked_numbers_are_none() {
    assert!(shows_a_number(r#"{"to":"+14055551234"}"#));
    assert!(!shows_a_number(
        r#"{"to":"+1********34","at":"2026-01-05T15:00:00+00:00"}"#
    ));
    assert!(!shows_a_number(&Value::Null.to_string()));
}
