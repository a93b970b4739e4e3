//! `cargo xtask rehearse`: as much of a deployment as there is without an AWS account. The template is linted with the serverless
//! rules, every function is built by `sam build`, the template is translated as CloudFormation gets it and deployed to the emulator
//! moto; the functions run with what that made.

mod build;

use std::fs;
use std::path::PathBuf;

use crate::lambda_events::TOOLS as LAMBDA;
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

const WORKFLOWS: Tools = Tools {
    name: "workflows-venv",
    requirements: &["check-jsonschema==0.39.0"],
};

/// Says where the Python is that has the emulator (`devstack/testkit`).
const EMULATOR: &str = "emulator-python";

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

    let workflows = venv::ensure(workspace, &WORKFLOWS)?;
    process::aloud(
        workspace
            .command(workflows.program("check-jsonschema"))
            .args(["--builtin-schema", "vendor.github-workflows"])
            .args(workflow_files(workspace)?),
    )?;

    let directory = workspace.target.join("rehearsal");
    fs::create_dir_all(&directory)
        .map_err(|error| format!("cannot make {}: {error}", directory.display()))?;
    let lambda = venv::ensure(workspace, &LAMBDA)?;
    let built = build::run(workspace, &lint, &lambda)?;
    let here = build_for_this_machine(workspace, built.runnable().is_none())?;
    let binaries = built
        .runnable()
        .unwrap_or_else(|| format!("{}/{{binary}}", here.display()));

    let translated = directory.join("template.json");
    process::aloud(
        workspace
            .command(lint.program("python"))
            .arg("xtask/rehearsal/translate.py")
            .arg("template.yaml")
            .arg(&translated)
            .env("AWS_DEFAULT_REGION", "us-east-1"),
    )?;
    // the tests' emulator: one installation, and one version
    let emulator = process::stdout_of(&mut workspace.command(here.join(EMULATOR)))?;
    process::aloud(
        workspace
            .command(emulator.trim())
            .arg("xtask/rehearsal/deploy.py")
            .arg(&translated)
            .arg(binaries)
            .arg("events"),
    )
}

/// What runs here; gives its directory. The functions are among it where those of the stack are for another machine.
fn build_for_this_machine(workspace: &Workspace, with_functions: bool) -> Result<PathBuf, String> {
    // of the whole workspace, so that dependencies have the features that the tests were built with, and are not built again
    let mut build = workspace.cargo(&["build", "--workspace", "--bin", EMULATOR]);
    if with_functions {
        for function in &workspace.functions {
            build.args(["--bin", function]);
        }
    }
    process::aloud(&mut build)?;
    Ok(workspace.target.join("debug"))
}

fn workflow_files(workspace: &Workspace) -> Result<Vec<PathBuf>, String> {
    let directory = workspace.root.join(".github/workflows");
    let read = || -> std::io::Result<Vec<PathBuf>> {
        fs::read_dir(&directory)?.map(|entry| Ok(entry?.path())).collect()
    };
    read().map_err(|error| format!("cannot read {}: {error}", directory.display()))
}
