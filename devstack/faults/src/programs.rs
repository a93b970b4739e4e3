//! The built functions.

use crate::Broken;
pub use common::metrics::FUNCTIONS;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where each function's binary lies. A build that goes on beside a run does not change what is run.
#[derive(Debug)]
pub struct Programs {
    paths: BTreeMap<&'static str, PathBuf>,
    directory: PathBuf,
}

impl Programs {
    /// Has Cargo build the functions, and nothing else, so that they have the features that they are deployed with.
    ///
    /// # Errors
    /// When the build fails; its words are on stderr.
    pub fn build(release: bool) -> Result<Self, Broken> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["build", "--message-format=json-render-diagnostics"]);
        if release {
            command.arg("--release");
        }
        for function in FUNCTIONS {
            command.args(["-p", function, "--bin", function]);
        }
        let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err("the functions could not be built".into());
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let built = text.lines().filter_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            let name = FUNCTIONS
                .into_iter()
                .find(|name| line["target"]["name"] == *name)?;
            Some((name, PathBuf::from(line["executable"].as_str()?)))
        });
        Self::keep(built.collect())
    }

    /// Takes what lies there, whenever it was built.
    ///
    /// # Errors
    /// When a function is missing.
    pub fn find(release: bool) -> Result<Self, Broken> {
        let executable = std::env::current_exe()?;
        let target = executable
            .ancestors()
            .find(|path| path.join("CACHEDIR.TAG").exists());
        let directory =
            target
                .ok_or("there is no target directory")?
                .join(if release { "release" } else { "debug" });
        Self::keep(
            FUNCTIONS
                .into_iter()
                .map(|name| (name, directory.join(name)))
                .collect(),
        )
    }

    /// Takes links of its own, under a name of its own.
    fn keep(built: BTreeMap<&'static str, PathBuf>) -> Result<Self, Broken> {
        let Some(beside) = built.values().next().and_then(|path| path.parent()) else {
            return Err("Cargo named no binaries".into());
        };
        let directory = beside.join(format!("faults-{}", std::process::id()));
        sweep(beside);
        std::fs::create_dir_all(&directory)?;
        let mut programs = Self {
            paths: BTreeMap::new(),
            directory,
        };
        for (name, path) in built {
            let kept = programs.directory.join(name);
            let _ = std::fs::remove_file(&kept);
            if std::fs::hard_link(&path, &kept).is_err() {
                std::fs::copy(&path, &kept)?;
            }
            programs.paths.insert(name, kept);
        }
        Ok(programs)
    }

    /// The binary of a function.
    ///
    /// # Panics
    /// When it is none of [`FUNCTIONS`].
    pub fn path(&self, function: &str) -> &Path {
        &self.paths[function]
    }
}

/// Removes what runs that were killed have left behind.
fn sweep(beside: &Path) {
    for entry in std::fs::read_dir(beside).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(owner) = name.to_str().and_then(|name| name.strip_prefix("faults-")) else {
            continue;
        };
        if owner.parse::<u32>().is_ok()
            && Path::new("/proc/self").exists()
            && !Path::new("/proc").join(owner).exists()
        {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
