//! The log: one JSON object a line on standard output, where Lambda collects it.
//!
//! `RUST_LOG` sets the level of our own crates (`debug`, or `sms_webhook=trace,info`). Libraries never go below `warn`, whatever
//! it says: at `debug` they print payloads, bind parameters and headers, and those hold numbers, texts and secrets.
//! Release builds have nothing below `info` compiled in, theirs or ours, which spares each function a tenth of a megabyte.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Our crates, as log targets.
const OURS: [&str; 13] = [
    "common",
    "sms_webhook",
    "voice_webhook",
    "status_callback",
    "provision_trigger",
    "outbound_send",
    "clerk_webhook",
    "webhook_fallback",
    "spool_replay",
    "reconciler",
    "workspace_api",
    "console",
    "migrator",
];

/// Starts the log. Call once, first.
pub fn init() {
    let layer = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false);
    tracing_subscriber::registry()
        .with(layer)
        .with(filter(std::env::var("RUST_LOG").ok().as_deref()))
        .init();
    std::panic::set_hook(Box::new(|panic| {
        // where, and not what: the message of a panic quotes values
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "Panic");
    }));
}

/// A text of others with its longer numbers masked, for a log.
pub fn masked(text: &str) -> String {
    const DIGITS_MAX: usize = 6;
    let mut masked = String::with_capacity(text.len());
    let mut digits = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        if digits.len() > DIGITS_MAX {
            masked.push_str(&"*".repeat(digits.len() - 2));
            digits.drain(..digits.len() - 2);
        }
        masked.push_str(&digits);
        digits.clear();
        masked.push(c);
    }
    masked.pop();
    masked
}

fn filter(directives: Option<&str>) -> Targets {
    let wanted: Targets = directives
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let default = wanted.default_level().unwrap_or(LevelFilter::INFO);
    let level = |target: &str| {
        wanted
            .iter()
            .find(|(name, _)| *name == target)
            .map_or(default, |(_, level)| level)
    };
    // `lambda_runtime` reports an event that cannot be read with a piece of it.
    let quiet = Targets::new()
        .with_default(LevelFilter::WARN.min(default))
        .with_target("lambda_runtime", LevelFilter::OFF);
    OURS.iter()
        .fold(quiet, |targets, ours| targets.with_target(*ours, level(ours)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn libraries_never_speak_of_payloads() {
        for directives in [
            None,
            Some("trace"),
            Some("tokio_postgres=trace,hyper=trace"),
            Some("not a directive !!"),
        ] {
            let filter = filter(directives);
            for library in [
                "tokio_postgres",
                "hyper",
                "aws_smithy_runtime",
                "reqwest",
                "rustls",
            ] {
                assert!(
                    !filter.would_enable(library, &Level::DEBUG),
                    "{directives:?} {library}"
                );
                assert!(
                    !filter.would_enable(library, &Level::INFO),
                    "{directives:?} {library}"
                );
            }
        }
    }

    #[test]
    fn numbers_in_the_words_of_others_are_masked() {
        assert_eq!(
            masked("21422: +14155550123 (14155550199) is taken, 400"),
            "21422: +*********23 (*********99) is taken, 400"
        );
        assert_eq!(masked(""), "");
        assert_eq!(masked("1234567"), "*****67");
    }

    #[test]
    fn our_own_level_can_be_set() {
        assert!(filter(None).would_enable("sms_webhook::handler", &Level::INFO));
        assert!(!filter(None).would_enable("sms_webhook::handler", &Level::DEBUG));
        assert!(filter(Some("debug")).would_enable("common::store", &Level::DEBUG));
        assert!(filter(Some("common=trace")).would_enable("common", &Level::TRACE));
        assert!(!filter(Some("error")).would_enable("sms_webhook", &Level::INFO));
    }
}
