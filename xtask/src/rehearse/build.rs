//! `sam build` of every function, as a deployment runs it but for the optimizer: what is tried here is the template's build method,
//! the names of the binaries, and the cross-compilation.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process;
use crate::venv::Venv;
use crate::workspace::Workspace;

/// What the template asks for.
const TARGET: &str = "aarch64-unknown-linux-gnu";
/// The template's words for that, and for where the sources are.
const ARCHITECTURE: &str = "Architectures: [arm64]";
const SOURCES: &str = "CodeUri: .";
/// Amazon Linux 2023 has glibc 2.34.
const GLIBC_MINOR_MAX: u32 = 34;

/// What was built.
pub struct Built {
    /// A directory for each function, by its logical name.
    directory: PathBuf,
    architecture: Architecture,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Architecture {
    Arm64,
    X86_64,
}

impl Architecture {
    fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }

    /// What an ELF file says.
    fn machine(self) -> u16 {
        match self {
            Self::Arm64 => 183,
            Self::X86_64 => 62,
        }
    }

    fn is_of_this_machine(self) -> bool {
        let here = std::env::consts::ARCH;
        here == match self {
            Self::Arm64 => "aarch64",
            Self::X86_64 => "x86_64",
        }
    }
}

impl Built {
    /// Where the binaries that can run here are, with `{function}` for a function's logical name; none when these are for another machine.
    pub fn runnable(&self) -> Option<String> {
        let runs_here = self.architecture.is_of_this_machine() && cfg!(target_os = "linux");
        runs_here.then(|| format!("{}/{{function}}/bootstrap", self.directory.display()))
    }
}

/// Builds everything, and looks at what came out.
pub fn run(workspace: &Workspace, sam: &Venv, lambda: &Venv) -> Result<Built, String> {
    let directory = workspace.target.join("rehearsal");
    let architecture = if has_target(workspace) {
        Architecture::Arm64
    } else {
        println!(
            "NOT BUILT for arm64, as a deployment is: Rust's target {TARGET} is not here and `rustup target add` does not \
             bring it. Built for x86_64 instead."
        );
        Architecture::X86_64
    };
    let template = match architecture {
        Architecture::Arm64 => workspace.root.join("template.yaml"),
        Architecture::X86_64 => other_architecture(workspace, &directory)?,
    };
    let built = Built {
        directory: directory.join("build"),
        architecture,
    };
    let log = directory.join("sam-build.log");
    let what = format!(
        "sam build of {} functions for {}",
        workspace.functions.len(),
        architecture.name()
    );
    let mut build = workspace.command(sam.program("sam"));
    build
        .args(["build", "--config-env", "dev", "--template-file"])
        .arg(&template)
        .arg("--build-dir")
        .arg(&built.directory)
        // cargo-lambda finds zig through the first Python of the path
        .env("PATH", lambda.path())
        .env("SAM_CLI_TELEMETRY", "0")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        // `sam build` without `--release`: the optimizer takes half an hour of two cores for eleven functions
        .env("SAM_BUILD_MODE", "debug")
        .env("CARGO_PROFILE_DEV_DEBUG", "none")
        .env("CARGO_INCREMENTAL", "0");
    process::patiently(&what, &log, &mut build)?;
    look(workspace, &built)?;
    Ok(built)
}

fn has_target(workspace: &Workspace) -> bool {
    let is_there = || {
        let sysroot = process::stdout_of(workspace.command("rustc").args(["--print", "sysroot"]));
        sysroot.is_ok_and(|path| Path::new(path.trim()).join("lib/rustlib").join(TARGET).is_dir())
    };
    is_there() || {
        println!("Adding Rust's target {TARGET} …");
        let log = workspace.target.join("rehearsal").join("rustup.log");
        let mut add = workspace.command("rustup");
        process::log_to(&log, add.args(["target", "add", TARGET]))
            .is_ok_and(|()| add.status().is_ok_and(|status| status.success()))
            && is_there()
    }
}

/// The template for the architecture that every Rust has.
fn other_architecture(workspace: &Workspace, directory: &Path) -> Result<PathBuf, String> {
    let text = fs::read_to_string(workspace.root.join("template.yaml"))
        .map_err(|error| format!("cannot read template.yaml: {error}"))?;
    for words in [ARCHITECTURE, SOURCES] {
        if text.matches(words).count() != 1 {
            return Err(format!("template.yaml does not say `{words}` just once"));
        }
    }
    let sources = format!("CodeUri: {}", workspace.root.display());
    let text = text
        .replace(ARCHITECTURE, "Architectures: [x86_64]")
        .replace(SOURCES, &sources);
    let path = directory.join("template-x86_64.yaml");
    fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(path)
}

/// Every function has a binary for the right machine, which finds its C library there.
fn look(workspace: &Workspace, built: &Built) -> Result<(), String> {
    let mut functions = Vec::new();
    let entries = fs::read_dir(&built.directory)
        .map_err(|error| format!("cannot read {}: {error}", built.directory.display()))?;
    for entry in entries {
        let path = entry
            .map_err(|error| format!("cannot read {}: {error}", built.directory.display()))?
            .path()
            .join("bootstrap");
        if path.is_file() {
            let bytes =
                fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            judge(&bytes, built.architecture).map_err(|why| format!("{}: {why}", path.display()))?;
            functions.push(bytes.len());
        }
    }
    if functions.len() != workspace.functions.len() {
        return Err(format!(
            "sam build made {} functions, the workspace has {}",
            functions.len(),
            workspace.functions.len()
        ));
    }
    println!(
        "built: {} bootstraps for {}, which need no glibc above 2.{GLIBC_MINOR_MAX}",
        functions.len(),
        built.architecture.name()
    );
    Ok(())
}

fn judge(binary: &[u8], architecture: Architecture) -> Result<(), String> {
    let machine = match binary {
        [0x7f, b'E', b'L', b'F', ..] => binary.get(18..20),
        _ => None,
    };
    let machine = machine.map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    if machine != Some(architecture.machine()) {
        return Err(format!("not a binary for {}", architecture.name()));
    }
    match glibc_minor(binary) {
        Some(minor) if minor > GLIBC_MINOR_MAX => Err(format!(
            "needs glibc 2.{minor}, and Amazon Linux 2023 has 2.{GLIBC_MINOR_MAX}"
        )),
        _ => Ok(()),
    }
}

/// The newest version of the C library whose symbols a binary names.
fn glibc_minor(binary: &[u8]) -> Option<u32> {
    const MARK: &[u8] = b"GLIBC_2.";
    binary
        .windows(MARK.len())
        .enumerate()
        .filter(|(_, window)| *window == MARK)
        .filter_map(|(at, _)| {
            let digits = binary[at + MARK.len()..]
                .iter()
                .take_while(|byte| byte.is_ascii_digit());
            let digits: Vec<u8> = digits.take(4).copied().collect();
            std::str::from_utf8(&digits).ok()?.parse().ok()
        })
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(machine: u16, rest: &str) -> Vec<u8> {
        let mut binary = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0];
        binary.extend(machine.to_le_bytes());
        binary.extend(rest.bytes());
        binary
    }

    #[test]
    fn the_template_can_be_had_for_the_other_architecture() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let workspace = Workspace {
            root: root.clone(),
            target: root.join("target"),
            functions: Vec::new(),
        };
        let directory = std::env::temp_dir().join(format!("ringspace-xtask-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let text = fs::read_to_string(other_architecture(&workspace, &directory).unwrap()).unwrap();
        fs::remove_dir_all(&directory).unwrap();
        assert!(text.contains("Architectures: [x86_64]"));
        assert!(text.contains(&format!("CodeUri: {}", root.display())));
    }

    #[test]
    fn a_binary_is_judged_by_machine_and_c_library() {
        let fits = elf(183, "GLIBC_2.17 GLIBC_2.34 GLIBC_PRIVATE");
        assert_eq!(judge(&fits, Architecture::Arm64), Ok(()));
        for (binary, why) in [
            (elf(62, ""), "not a binary for arm64"),
            (b"#!/bin/sh".to_vec(), "not a binary for arm64"),
            (elf(183, "")[..18].to_vec(), "not a binary for arm64"),
            (
                elf(183, "GLIBC_2.17GLIBC_2.39"),
                "needs glibc 2.39, and Amazon Linux 2023 has 2.34",
            ),
        ] {
            assert_eq!(judge(&binary, Architecture::Arm64).unwrap_err(), why);
        }
        assert_eq!(judge(&elf(62, ""), Architecture::X86_64), Ok(()));
    }
}
