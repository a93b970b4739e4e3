//! `cargo xtask ci`: what has to hold before a change goes in, the quick checks first.

use std::time::Instant;

use crate::workspace::Workspace;
use crate::{process, sam};

const CHECKS: [(&str, &[&str]); 3] = [
    ("format", &["fmt", "--all", "--check"]),
    (
        "clippy",
        &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
    ),
    ("tests", &["test", "--workspace"]),
];

/// Runs the checks up to the first that fails. The template is checked where SAM can be installed.
pub fn run(workspace: &Workspace) -> Result<(), String> {
    let started = Instant::now();
    for (name, arguments) in CHECKS {
        println!("\n== {name}");
        process::aloud(&mut workspace.cargo(arguments))?;
    }
    println!("\n== template");
    match sam::install(workspace) {
        Ok(tools) => sam::check(workspace, &tools)?,
        Err(reason) => println!("{reason}\nNOT CHECKED: template.yaml (SAM cannot be installed here)"),
    }
    println!("\nall checks passed in {} s", started.elapsed().as_secs());
    Ok(())
}
