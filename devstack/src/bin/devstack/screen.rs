//! The terminal: the story on standard output, progress on standard error. A reader that has gone away is no error.

use std::io::{Write, stderr, stdout};

use tokio::signal::unix::{SignalKind, signal};

pub(crate) fn say(text: &str) {
    let _ = writeln!(stdout(), "{text}");
}

pub(crate) fn progress(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}

/// Ctrl-C, or a polite kill.
pub(crate) async fn until_interrupted() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signals) => signals.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
    }
}
