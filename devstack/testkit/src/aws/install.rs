//! Finds moto, or installs it into a virtual environment of its own.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::{Error, tools};

/// An exact version: a test run must not change because a registry did.
const VERSION: &str = "5.2.5";

/// The command line that starts the emulator, without its options.
pub(super) fn program() -> Result<Vec<PathBuf>, Error> {
    if env::var("RINGSPACE_MOTO").as_deref() != Ok("venv") {
        let installed = env::var_os("PATH")
            .into_iter()
            .flat_map(|path| env::split_paths(&path).collect::<Vec<_>>())
            .map(|directory| directory.join("moto_server"))
            .find(|program| program.is_file());
        if let Some(program) = installed {
            return Ok(vec![program]);
        }
    }
    Ok(vec![python()?, "-m".into(), "moto.server".into()])
}

/// The Python of an environment that has the emulator and boto3, made if it is not there.
///
/// # Errors
/// When it cannot be installed.
pub fn python() -> Result<PathBuf, Error> {
    let root = tools::provide(&format!("venv-moto-{VERSION}"), |scratch| {
        eprintln!("testkit: installing the AWS emulator: PyPI package moto[server] {VERSION}");
        tools::run(Command::new("python3").args(["-m", "venv"]).arg(scratch)).map_err(missing)?;
        tools::run(
            Command::new(scratch.join("bin/python"))
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .arg(format!("moto[server]=={VERSION}")),
        )
        .map_err(missing)
        .map(|_| ())
    })?;
    // The environment was moved to its name after it was made, so its scripts' first lines are wrong; its Python is not.
    Ok(root.join("bin/python"))
}

fn missing(error: Error) -> Error {
    Error::Missing(format!(
        "no AWS emulator: install moto_server (pip install 'moto[server]'), or Python 3 with venv and pip: {error}"
    ))
}
