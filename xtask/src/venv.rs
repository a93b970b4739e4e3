//! Python tools at a pinned version, each set in a virtual environment of its own under `target/tools`.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;
use crate::workspace::Workspace;

/// What an environment holds.
pub struct Tools {
    /// Name of its directory.
    pub name: &'static str,
    /// Exact versions, as pip reads them.
    pub requirements: &'static [&'static str],
}

/// An environment that is ready for use.
pub struct Venv {
    bin: PathBuf,
}

impl Venv {
    /// Path of a program in it.
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// `PATH` with its programs first.
    pub fn path(&self) -> OsString {
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let directories = std::iter::once(self.bin.clone()).chain(std::env::split_paths(&inherited));
        std::env::join_paths(directories).unwrap_or(inherited)
    }
}

/// Makes the environment, unless it stands already with these versions.
pub fn ensure(workspace: &Workspace, tools: &Tools) -> Result<Venv, String> {
    let parent = workspace.target.join("tools");
    let directory = parent.join(tools.name);
    let stamp = directory.join("installed.txt");
    let wanted = tools.requirements.join("\n");

    // Two runs at once would install into each other; the second waits, and finds the work done.
    let lock = parent.join(format!("{}.lock", tools.name));
    let held = fs::create_dir_all(&parent)
        .and_then(|()| File::create(&lock))
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|error| format!("cannot lock {}: {error}", lock.display()))?;
    if fs::read_to_string(&stamp).ok().as_ref() != Some(&wanted) {
        install(&parent, &directory, tools)?;
        fs::write(&stamp, wanted).map_err(|error| format!("cannot write {}: {error}", stamp.display()))?;
    }
    drop(held);
    Ok(Venv {
        bin: directory.join("bin"),
    })
}

fn install(parent: &Path, directory: &Path, tools: &Tools) -> Result<(), String> {
    if directory.exists() {
        fs::remove_dir_all(directory)
            .map_err(|error| format!("cannot remove {}: {error}", directory.display()))?;
    }
    let log = parent.join(format!("{}.log", tools.name));
    let mut create = Command::new("python3");
    create.args(["-m", "venv"]).arg(directory);
    process::patiently("Making a Python environment", &log, &mut create).map_err(|error| {
        format!(
            "{error}\nPython 3 with its `venv` module is needed (Debian and Ubuntu: apt install python3-venv)"
        )
    })?;

    let what = tools.requirements.join(" ");
    let mut pip = Command::new(directory.join("bin").join("python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
    ])
    .args(tools.requirements);
    process::patiently(&format!("Installing {what} with pip"), &log, &mut pip).map_err(|error| {
        format!("{error}\npip could not install {what}: it needs PyPI, or a mirror in pip's configuration")
    })
}
