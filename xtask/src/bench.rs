//! `cargo xtask bench`: the limits of docs/PERFORMANCE.md, measured on this machine.

use crate::process;
use crate::size;
use crate::workspace::Workspace;

/// Builds what is measured as it is deployed, apart from what measures it, so that neither gets the other's features.
pub fn run(workspace: &Workspace) -> Result<(), String> {
    println!(
        "A first build takes some minutes, the measurement one more. Leave the machine alone meanwhile."
    );
    process::aloud(&mut workspace.cargo(&["build", "--release", "-p", "bench", "--bin", "bench"]))?;
    let weights = size::build_and_weigh(workspace, &["bench-hello"])?;
    let mut bench = workspace.command(workspace.target.join("release").join("bench"));
    bench.args(
        weights
            .iter()
            .map(|weight| format!("{}={}", weight.function, weight.zipped_bytes)),
    );
    process::aloud(&mut bench)
}
