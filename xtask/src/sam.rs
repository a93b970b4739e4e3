//! `cargo xtask sam`: the template as AWS SAM and cfn-lint see it. Nothing is asked of AWS.

use crate::process;
use crate::venv::{self, Tools, Venv};
use crate::workspace::Workspace;

const TOOLS: Tools = Tools {
    name: "sam-venv",
    requirements: &[
        "aws-sam-cli==1.170.0",
        "cfn-lint==1.58.0",
        "cfn-lint-serverless==0.3.6",
    ],
};

/// Installs what is missing, then checks.
pub fn run(workspace: &Workspace) -> Result<(), String> {
    check(workspace, &install(workspace)?)
}

/// The tools, installed if they are missing.
pub fn install(workspace: &Workspace) -> Result<Venv, String> {
    venv::ensure(workspace, &TOOLS)
}

/// Checks the template.
pub fn check(workspace: &Workspace, tools: &Venv) -> Result<(), String> {
    let mut sam = workspace.command(tools.program("sam"));
    sam.args(["validate", "--lint", "--template-file", "template.yaml"])
        .env("SAM_CLI_TELEMETRY", "0");
    // The linter reads the rules of a region; the template itself names none.
    if std::env::var_os("AWS_REGION").is_none() && std::env::var_os("AWS_DEFAULT_REGION").is_none() {
        sam.env("AWS_DEFAULT_REGION", "us-east-1");
    }
    process::aloud(&mut sam)
}
