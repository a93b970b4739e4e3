//! `target/devstack/local.env`: the running stack's settings, for functions that run outside of it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::stack::{Signatures, Stack};

/// Where `cargo lambda watch` serves the functions.
const WATCH_URL: &str = "http://127.0.0.1:9000";

/// The file; it is removed with this value.
#[derive(Debug)]
pub struct LocalEnv(PathBuf);

impl LocalEnv {
    /// Writes spec §2 as KEY=VALUE lines, with signatures off and `APP_URL` where `cargo lambda watch` listens.
    ///
    /// # Errors
    /// As the file system.
    pub fn write(stack: &Stack) -> io::Result<Self> {
        let directory = target_directory().join("devstack");
        fs::create_dir_all(&directory)?;
        let path = directory.join("local.env");
        fs::write(&path, text(stack.environment()))?;
        Ok(Self(path))
    }

    /// Where it is; below the current directory, seen from there.
    pub fn path(&self) -> &Path {
        let here = std::env::current_dir().ok();
        here.and_then(|here| self.0.strip_prefix(here).ok())
            .unwrap_or(&self.0)
    }
}

impl Drop for LocalEnv {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn text(environment: &[(String, String)]) -> String {
    let mut lines = vec!["# Written by `cargo dev`, and removed when it ends.".to_owned()];
    for (name, value) in environment {
        if name == "APP_URL" {
            lines.push(format!("GATEWAY_URL={value}")); // for tools: where `cargo dev` itself answers
        }
        let value = if name == "APP_URL" { WATCH_URL } else { value };
        lines.push(format!("{name}={value}"));
        if name == "DATABASE_URL" {
            lines.push(format!("MIGRATION_DATABASE_URL={value}"));
        }
    }
    lines.push(format!("WEBHOOK_SIGNATURES={}", Signatures::Off.as_str()));
    lines.push(String::new());
    lines.join("\n")
}

/// Cargo marks its target directory with a file.
fn target_directory() -> PathBuf {
    let executable = std::env::current_exe().unwrap_or_default();
    match executable
        .ancestors()
        .find(|path| path.join("CACHEDIR.TAG").exists())
    {
        Some(marked) => marked.to_path_buf(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_pair() {
        let pairs = [
            ("APP_URL", "http://127.0.0.1:8787"),
            ("DATABASE_URL", "postgres://x"),
        ];
        let pairs: Vec<(String, String)> = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let text = text(&pairs);
        assert!(text.contains(
            "\nGATEWAY_URL=http://127.0.0.1:8787\nAPP_URL=http://127.0.0.1:9000\nDATABASE_URL=postgres://x\n"
        ));
        assert!(text.ends_with("\nMIGRATION_DATABASE_URL=postgres://x\nWEBHOOK_SIGNATURES=off\n"));
        assert!(
            text.lines()
                .all(|line| line.starts_with('#') || line.contains('='))
        );
    }
}
