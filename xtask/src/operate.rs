//! `cargo xtask api-key …`, `doctor`, `smoke`: what operators do by hand, in a program of its own, so that this one stays quick to build.

use crate::process;
use crate::workspace::Workspace;

/// Builds the program and hands it the words.
pub fn run(workspace: &Workspace, arguments: &[&str]) -> Result<(), String> {
    process::quietly(&mut workspace.cargo(&["build", "--quiet", "-p", "operate"]))?;
    process::quietly(
        workspace
            .command(workspace.target.join("debug").join("operate"))
            .args(arguments),
    )
}
