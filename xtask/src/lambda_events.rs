//! `cargo xtask lambda-events`: every file of `events/` through its function under `cargo lambda`, beside a running `cargo dev`.
//!
//! The functions are the real binaries; database, carrier and AWS are those of `cargo dev`, whose settings stand in
//! `target/devstack/local.env`. What each event has to give is in `events/expected.json`: every key that stands there has to
//! stand in the answer with the same value, so that ids and times can be left out.

mod expectation;
mod watch;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use crate::process;
use crate::venv::{self, Tools, Venv};
use crate::workspace::Workspace;
use expectation::Expectations;
use watch::Watch;

/// cargo-lambda, with the zig that it cross-compiles with.
pub const TOOLS: Tools = Tools {
    name: "lambda-venv",
    requirements: &["cargo-lambda==1.9.2", "ziglang==0.17.0"],
};

/// One event and the function it is for.
struct Case {
    /// `sms-webhook/inbound-sms.json`: how the expectations call it.
    name: String,
    function: String,
    file: PathBuf,
}

/// Invokes the functions with all events whose name contains `filter`.
pub fn run(workspace: &Workspace, filter: &str) -> Result<(), String> {
    let settings = settings_of_devstack(workspace)?;
    let events = workspace.root.join("events");
    let expectations = Expectations::read(&events.join("expected.json"))?;
    let all = cases(&events)?;
    let forgotten = expectations.without_event(all.iter().map(|case| case.name.as_str()));
    let cases: Vec<Case> = all
        .into_iter()
        .filter(|case| case.name.contains(filter))
        .collect();
    if cases.is_empty() {
        return Err(format!("no file under events/ has `{filter}` in its name"));
    }

    let tools = venv::ensure(workspace, &TOOLS)?;
    // Built as `cargo lambda watch` will ask for it, one by one, so that no invocation waits for the compiler.
    for function in cases
        .iter()
        .map(|case| case.function.as_str())
        .collect::<BTreeSet<_>>()
    {
        process::aloud(&mut workspace.cargo(&["build", "--bin", function]))?;
    }
    let watch = Watch::start(workspace, &tools, &settings)?;

    let mut failures = 0;
    for case in &cases {
        let verdict = invoke(workspace, &tools, &watch, case).and_then(|answer| {
            expectations
                .judge(&case.name, &answer)
                .map(|()| expectation::summary(&answer))
        });
        match verdict {
            Ok(summary) => println!("ok    {:<48} {summary}", case.name),
            Err(reason) => {
                failures += 1;
                println!("FAIL  {:<48} {reason}", case.name);
            }
        }
    }
    for name in &forgotten {
        failures += 1;
        println!("FAIL  {name:<48} is expected in events/expected.json, but there is no such file");
    }
    println!("{} events, {failures} failures", cases.len());
    if failures == 0 {
        Ok(())
    } else {
        Err(format!(
            "some events gave something else; the functions' logs are in {}",
            watch.log().display()
        ))
    }
}

/// The file of settings that a running `cargo dev` keeps.
fn settings_of_devstack(workspace: &Workspace) -> Result<PathBuf, String> {
    let file = workspace.target.join("devstack").join("local.env");
    if file.is_file() {
        Ok(file)
    } else {
        Err(format!(
            "{} is not there: start `cargo dev` first, in another terminal, and leave it running",
            file.display()
        ))
    }
}

/// All events, in the order of their names.
fn cases(events: &Path) -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    for directory in entries(events)?.into_iter().filter(|path| path.is_dir()) {
        let function = name_of(&directory);
        for file in entries(&directory)?
            .into_iter()
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        {
            let name = format!("{function}/{}", name_of(&file));
            cases.push(Case {
                name,
                function: function.clone(),
                file,
            });
        }
    }
    Ok(cases)
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect()
    };
    let mut paths = read().map_err(|error| format!("cannot read {}: {error}", directory.display()))?;
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// What the function answers.
fn invoke(workspace: &Workspace, tools: &Venv, watch: &Watch, case: &Case) -> Result<Value, String> {
    let mut command = workspace.cargo(&[
        "lambda",
        "invoke",
        "-A",
        "127.0.0.1",
        "-P",
        &watch.port().to_string(),
        &case.function,
    ]);
    command
        .arg("--data-file")
        .arg(&case.file)
        .env("PATH", tools.path())
        .stdin(Stdio::null());
    let output = command
        .output()
        .map_err(|error| format!("cannot start `cargo lambda invoke`: {error}"))?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!(
            "the function failed: {}",
            first_lines(&String::from_utf8_lossy(&output.stderr))
        ));
    }
    serde_json::from_str(&stdout).map_err(|_| format!("the answer is not JSON: {}", first_lines(&stdout)))
}

/// The beginning of what a program said, in one line.
fn first_lines(text: &str) -> String {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .take(2)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_fit_on_a_line() {
        assert_eq!(
            first_lines("Error: Boom\n\n  × it broke\n\n  Was this behavior unexpected?\n"),
            "Error: Boom × it broke"
        );
    }
}
