//! Where things are: the workspace as Cargo describes it.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::process;

/// The workspace that this tool belongs to.
pub struct Workspace {
    /// The directory of the root `Cargo.toml`.
    pub root: PathBuf,
    /// Cargo's target directory.
    pub target: PathBuf,
    /// Names of the functions, in alphabetical order.
    pub functions: Vec<String>,
}

impl Workspace {
    /// Asks Cargo.
    pub fn find() -> Result<Self, String> {
        let mut command = process::cargo();
        command
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        let metadata = process::stdout_of(&mut command)?;
        let metadata: Value = serde_json::from_str(&metadata)
            .map_err(|error| format!("`cargo metadata` did not print JSON: {error}"))?;
        Self::from_metadata(&metadata)
            .ok_or_else(|| "`cargo metadata` lacks a directory or the packages".to_owned())
    }

    fn from_metadata(metadata: &Value) -> Option<Self> {
        let root = PathBuf::from(metadata["workspace_root"].as_str()?);
        let target = PathBuf::from(metadata["target_directory"].as_str()?);
        let directory = root.join("functions");
        let mut functions: Vec<String> = metadata["packages"]
            .as_array()?
            .iter()
            .filter(|package| {
                package["manifest_path"]
                    .as_str()
                    .is_some_and(|path| PathBuf::from(path).starts_with(&directory))
            })
            .filter_map(|package| package["name"].as_str().map(str::to_owned))
            .collect();
        functions.sort();
        Some(Self {
            root,
            target,
            functions,
        })
    }

    /// A command that runs at the root.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// Cargo, at the root.
    pub fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = process::cargo();
        command.args(arguments).current_dir(&self.root);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_the_packages_under_their_directory() {
        let metadata = serde_json::json!({
            "workspace_root": "/code",
            "target_directory": "/code/target",
            "packages": [
                { "name": "voice-webhook", "manifest_path": "/code/functions/voice-webhook/Cargo.toml" },
                { "name": "common", "manifest_path": "/code/common/Cargo.toml" },
                { "name": "migrator", "manifest_path": "/code/functions/migrator/Cargo.toml" },
            ],
        });
        let workspace = Workspace::from_metadata(&metadata).unwrap();
        assert_eq!(workspace.functions, ["migrator", "voice-webhook"]);
        assert_eq!(workspace.target, PathBuf::from("/code/target"));
    }
}
