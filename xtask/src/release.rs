//! `cargo xtask record-release`: keeps the statements of the release that is about to be tagged, so that later schemas are tried
//! with them (`common/tests/database/releases.rs`).

use crate::process;
use crate::workspace::Workspace;

/// Records under the workspace's version.
pub fn run(workspace: &Workspace) -> Result<(), String> {
    let version = env!("CARGO_PKG_VERSION");
    let mut recording = workspace.cargo(&[
        "test",
        "--package",
        "common",
        "--test",
        "database",
        "releases::every_release",
    ]);
    process::aloud(recording.env("RINGSPACE_RECORD_RELEASE", version))?;
    println!("recorded: common/tests/database/releases/{version}.json; commit it with the tag");
    Ok(())
}
