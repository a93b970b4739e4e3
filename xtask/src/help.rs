//! `cargo xtask help`: one line per command.

const COMMANDS: &[(&str, &str)] = &[
    ("ci", "everything that has to hold before a change goes in"),
    ("sam", "checks template.yaml with `sam validate --lint`"),
    (
        "migrate STACK FILE",
        "puts the built migrator into a stack and runs it, before a release goes there",
    ),
    (
        "record-release",
        "keeps the statements of a release, so that later schemas are tried with them",
    ),
    (
        "rehearse",
        "`sam build` of every function; the template on an emulator, and the functions with what that made",
    ),
    (
        "lambda-events [FILTER]",
        "runs every file of events/ under `cargo lambda`, beside a running `cargo dev`",
    ),
    ("size", "release build and zipped size of every function"),
    (
        "bench",
        "measures the release binaries against the limits of docs/PERFORMANCE.md",
    ),
    (
        "faults [SUITE] [--seed N]",
        "the fault laboratory in full (docs/RELIABILITY.md): cuts, kills, statuses, carrier, histories, rotation, queues",
    ),
    (
        "api-key create|list|revoke",
        "API keys, in the database of DATABASE_URL; without more words it says what it takes",
    ),
    (
        "doctor",
        "looks at settings, database, SignalWire, webhooks and queues: [--stack NAME] [--env-file PATH] [--callback FILE]",
    ),
    (
        "smoke URL|STACK",
        "a number, a message out, a reply in: [--to NUMBER] [--workspace ID] [--buy] [--env-file PATH]",
    ),
    (
        "consent stop|start|export",
        "changes a customer's consent by hand, or prints the history as CSV",
    ),
    (
        "limits show|set",
        "what a workspace may send; sending_enabled=false stops it, quiet_from and quiet_until set quiet hours",
    ),
    (
        "blocked list|add|remove",
        "destinations that are never messaged or called",
    ),
    ("refusals [DAYS]", "what was refused to whom today and before"),
    (
        "retention show|set|clear",
        "for how many days a workspace keeps texts and recordings; the nightly run forgets the rest, at the carrier too",
    ),
    (
        "reconcile --dry-run",
        "what the reconciler would do now, with the settings of the environment or of a running `cargo dev`",
    ),
    ("help", "this list"),
];

/// Prints the list of commands.
pub fn print() {
    println!("Usage: cargo xtask COMMAND\n");
    for (usage, purpose) in COMMANDS {
        println!("  {usage:<27}{purpose}");
    }
}

/// Whether a command of this name exists.
pub fn knows(command: &str) -> bool {
    COMMANDS
        .iter()
        .any(|(usage, _)| usage.split(' ').next() == Some(command))
}
