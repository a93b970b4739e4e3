//! Where downloaded tools live, and how a download is done once for all processes.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::Error;

/// `<target directory>/tools`, created when absent.
pub(crate) fn directory() -> Result<PathBuf, Error> {
    let directory = target_directory().join("tools");
    fs::create_dir_all(&directory).map_err(Error::io(format!("create {}", directory.display())))?;
    Ok(directory)
}

/// Cargo tells a running program nothing about the target directory unless the variable is set, but marks it with a file.
fn target_directory() -> PathBuf {
    if let Some(set) = env::var_os("CARGO_TARGET_DIR")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
    {
        return set;
    }
    let executable = env::current_exe().unwrap_or_default();
    match executable
        .ancestors()
        .find(|path| path.join("CACHEDIR.TAG").exists())
    {
        Some(marked) => marked.to_path_buf(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"),
    }
}

/// Gives `<tools>/<name>`, made by `make` when it is not there.
///
/// `make` fills a scratch directory that takes the name only when complete, and a file lock lets the test processes
/// that start at the same moment wait for one download.
pub(crate) fn provide(name: &str, make: impl FnOnce(&Path) -> Result<(), Error>) -> Result<PathBuf, Error> {
    let tools = directory()?;
    let wanted = tools.join(name);
    if wanted.exists() {
        return Ok(wanted);
    }
    let lock_path = tools.join(format!("{name}.lock"));
    let lock = File::create(&lock_path).map_err(Error::io(format!("create {}", lock_path.display())))?;
    lock.lock()
        .map_err(Error::io(format!("lock {}", lock_path.display())))?;
    if wanted.exists() {
        return Ok(wanted);
    }
    let scratch = tools.join(format!("{name}.part"));
    if scratch.exists() {
        fs::remove_dir_all(&scratch).map_err(Error::io(format!("remove {}", scratch.display())))?;
    }
    fs::create_dir_all(&scratch).map_err(Error::io(format!("create {}", scratch.display())))?;
    make(&scratch)?;
    fs::rename(&scratch, &wanted).map_err(Error::io(format!("rename {}", scratch.display())))?;
    Ok(wanted)
}

/// Runs a tool to its end; its own words become the error.
pub(crate) fn run(command: &mut Command) -> Result<Output, Error> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(Error::io(format!("run {name}")))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::Failed(format!(
        "{name} failed ({}): {}",
        output.status,
        last_lines(&said, 8)
    )))
}

/// The end of a log, for an error message.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
