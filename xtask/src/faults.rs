//! `cargo xtask faults`: the fault laboratory in full, over the release binaries.

use crate::process;
use crate::workspace::Workspace;

/// Builds the laboratory, which builds the functions as they are deployed and then says itself what it does and finds. It is built like
/// them: proxies, carrier and checker share the machine with what they test. `arguments` are its own: suites, `--seed N`, `--count N`.
pub fn run(workspace: &Workspace, arguments: &[&str]) -> Result<(), String> {
    println!("A first build takes some minutes, all suites about ten. Leave the machine alone meanwhile.");
    process::aloud(&mut workspace.cargo(&["build", "--release", "-p", "faults", "--bin", "faults"]))?;
    let laboratory = workspace.target.join("release").join("faults");
    process::aloud(workspace.command(laboratory).args(arguments))
}
