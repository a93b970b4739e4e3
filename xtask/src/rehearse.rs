//! `cargo xtask rehearse`: as much of a deployment as there is without an AWS account. The template is linted with the serverless
//! rules, translated as CloudFormation gets it, and deployed to the emulator moto; the built functions run with what that made.

use std::fs;

use crate::process;
use crate::sam;
use crate::venv::{self, Tools};
use crate::workspace::Workspace;

/// Serverless rules that cannot know this template. Each with its reason.
const NOT_FOR_US: [&str; 4] = [
    "ES6000", // dead-letter queues have none themselves; a test looks at the others
    "WS1004", // log groups are named by LoggingConfig, which the rule does not read; a test looks at them
    "ES1007", // a run of the reconciler that is lost is made up by the next, five minutes later
    "ES7000", // an alarm that cannot be mailed has nobody who would read its dead letters
];

const EMULATOR: Tools = Tools {
    name: "moto-venv",
    requirements: &["moto[server]==5.2.5"],
};

/// Runs all of it.
pub fn run(workspace: &Workspace) -> Result<(), String> {
    let lint = sam::install(workspace)?;
    sam::check(workspace, &lint)?;
    process::aloud(
        workspace
            .command(lint.program("cfn-lint"))
            .args([
                "template.yaml",
                "--append-rules",
                "cfn_lint_serverless.rules",
                "--ignore-checks",
            ])
            .args(NOT_FOR_US)
            .env("AWS_DEFAULT_REGION", "us-east-1"),
    )?;

    let mut build = workspace.cargo(&["build"]);
    for function in &workspace.functions {
        build.args(["-p", function, "--bin", function]);
    }
    process::aloud(&mut build)?;

    let directory = workspace.target.join("rehearsal");
    fs::create_dir_all(&directory)
        .map_err(|error| format!("cannot make {}: {error}", directory.display()))?;
    let translated = directory.join("template.json");
    process::aloud(
        workspace
            .command(lint.program("python"))
            .arg("xtask/rehearsal/translate.py")
            .arg("template.yaml")
            .arg(&translated)
            .env("AWS_DEFAULT_REGION", "us-east-1"),
    )?;
    let emulator = venv::ensure(workspace, &EMULATOR)?;
    process::aloud(
        workspace
            .command(emulator.program("python"))
            .arg("xtask/rehearsal/deploy.py")
            .arg(emulator.program("moto_server"))
            .arg(&translated)
            .arg(workspace.target.join("debug"))
            .arg("events"),
    )
}
