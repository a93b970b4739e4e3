//! The project's own commands: `cargo xtask help` lists them. They need Rust and Python 3, and fetch the rest into `target/tools`.
#![allow(clippy::print_stdout, reason = "a command-line tool speaks on stdout")]

mod bench;
mod ci;
mod faults;
mod help;
mod lambda_events;
mod migrate;
mod operate;
mod process;
mod rehearse;
mod release;
mod sam;
mod size;
mod venv;
mod workspace;

use std::process::ExitCode;

use workspace::Workspace;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one command. An error is the sentence that its user reads.
fn run(arguments: &[&str]) -> Result<(), String> {
    match arguments {
        [] | ["help" | "--help" | "-h"] => {
            help::print();
            Ok(())
        }
        ["ci"] => ci::run(&Workspace::find()?),
        ["migrate", stack, bootstrap] => migrate::run(&Workspace::find()?, stack, bootstrap),
        ["record-release"] => release::run(&Workspace::find()?),
        ["rehearse"] => rehearse::run(&Workspace::find()?),
        ["sam"] => sam::run(&Workspace::find()?),
        ["bench"] => bench::run(&Workspace::find()?),
        ["faults", rest @ ..] => faults::run(&Workspace::find()?, rest),
        ["size"] => size::run(&Workspace::find()?),
        ["lambda-events"] => lambda_events::run(&Workspace::find()?, ""),
        ["lambda-events", filter] => lambda_events::run(&Workspace::find()?, filter),
        [
            "api-key" | "doctor" | "smoke" | "consent" | "limits" | "blocked" | "refusals" | "retention"
            | "reconcile",
            ..,
        ] => operate::run(&Workspace::find()?, arguments),
        [command, ..] if help::knows(command) => Err(format!(
            "`{command}` does not take these arguments; see `cargo xtask help`"
        )),
        [command, ..] => Err(format!("there is no command `{command}`; see `cargo xtask help`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_named() {
        assert_eq!(
            run(&["deploy"]).unwrap_err(),
            "there is no command `deploy`; see `cargo xtask help`"
        );
        assert_eq!(
            run(&["sam", "fast"]).unwrap_err(),
            "`sam` does not take these arguments; see `cargo xtask help`"
        );
        assert!(run(&["help"]).is_ok());
    }
}
