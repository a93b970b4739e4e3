//! `cargo xtask size`: what each function weighs when it is deployed, against the limit.

use std::fs;

use crate::process;
use crate::workspace::Workspace;

/// The most that a function may weigh, zipped.
const ZIPPED_BYTES_MAX: u64 = 3_000_000;

/// Packs a binary as Lambda wants it: alone, under the name `bootstrap`.
const PACK: &str = "\
import sys, zipfile
with zipfile.ZipFile(sys.argv[2], 'w', zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
    archive.write(sys.argv[1], 'bootstrap')
";

/// What one function weighs.
pub struct Weight {
    /// Its name.
    pub function: String,
    binary_bytes: u64,
    /// The archive's size.
    pub zipped_bytes: u64,
}

impl Weight {
    fn is_within_limit(&self) -> bool {
        self.zipped_bytes <= ZIPPED_BYTES_MAX
    }

    fn row(&self) -> String {
        let verdict = if self.is_within_limit() { "ok" } else { "TOO BIG" };
        format!(
            "{:<20} {:>8} {:>8}  {verdict}",
            self.function,
            megabytes(self.binary_bytes),
            megabytes(self.zipped_bytes)
        )
    }
}

/// Builds all functions as they are deployed, packs and weighs them. Programs of `more` are built along.
pub fn build_and_weigh(workspace: &Workspace, more: &[&str]) -> Result<Vec<Weight>, String> {
    let mut build = workspace.cargo(&["build", "--release"]);
    for program in workspace
        .functions
        .iter()
        .map(String::as_str)
        .chain(more.iter().copied())
    {
        build.args(["-p", program, "--bin", program]);
    }
    process::aloud(&mut build)?;
    workspace
        .functions
        .iter()
        .map(|function| weigh(workspace, function))
        .collect()
}

/// Builds, packs, weighs, prints.
pub fn run(workspace: &Workspace) -> Result<(), String> {
    let weights = build_and_weigh(workspace, &[])?;
    println!("\n{:<20} {:>8} {:>8}", "function", "binary", "zipped");
    for weight in &weights {
        println!("{}", weight.row());
    }
    println!(
        "MB of 1,000,000 bytes, for {}-{}; limit {} zipped",
        std::env::consts::ARCH,
        std::env::consts::OS,
        megabytes(ZIPPED_BYTES_MAX)
    );

    let too_big: Vec<&str> = weights
        .iter()
        .filter(|weight| !weight.is_within_limit())
        .map(|weight| weight.function.as_str())
        .collect();
    if too_big.is_empty() {
        Ok(())
    } else {
        Err(format!("over the limit: {}", too_big.join(", ")))
    }
}

fn weigh(workspace: &Workspace, function: &str) -> Result<Weight, String> {
    let binary = workspace.target.join("release").join(function);
    let archive = workspace.target.join("size").join(function).join("bootstrap.zip");
    if let Some(directory) = archive.parent() {
        fs::create_dir_all(directory)
            .map_err(|error| format!("cannot make {}: {error}", directory.display()))?;
    }
    process::stdout_of(
        workspace
            .command("python3")
            .args(["-c", PACK])
            .arg(&binary)
            .arg(&archive),
    )?;
    let bytes = |path: &std::path::Path| {
        fs::metadata(path)
            .map(|file| file.len())
            .map_err(|error| format!("cannot read {}: {error}", path.display()))
    };
    Ok(Weight {
        function: function.to_owned(),
        binary_bytes: bytes(&binary)?,
        zipped_bytes: bytes(&archive)?,
    })
}

/// Megabytes with two decimals, rounded up, so that nothing looks smaller than it is.
fn megabytes(bytes: u64) -> String {
    let hundredths = bytes.div_ceil(10_000);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_up() {
        for (bytes, text) in [
            (0, "0.00"),
            (1, "0.01"),
            (1_234_567, "1.24"),
            (3_000_000, "3.00"),
            (3_000_001, "3.01"),
        ] {
            assert_eq!(megabytes(bytes), text);
        }
    }

    #[test]
    fn the_limit_itself_is_within_it() {
        let weight = |zipped_bytes| Weight {
            function: "migrator".to_owned(),
            binary_bytes: 6_000_000,
            zipped_bytes,
        };
        assert_eq!(
            weight(ZIPPED_BYTES_MAX).row(),
            "migrator                 6.00     3.00  ok"
        );
        assert_eq!(
            weight(ZIPPED_BYTES_MAX + 1).row(),
            "migrator                 6.00     3.01  TOO BIG"
        );
    }
}
