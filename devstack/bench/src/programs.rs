//! The release binaries that are measured, and what they weigh.

use crate::report::Report;
use crate::surroundings::Broken;
use std::path::PathBuf;

/// Where they are.
pub struct Programs {
    directory: PathBuf,
    zipped: Vec<(String, u64)>,
}

/// 3 MB of 1,000,000 bytes.
const ZIPPED_BYTES_MAX: u64 = 3_000_000;

impl Programs {
    /// Those that lie beside this one. The arguments state the size of each function's archive: `sms-webhook=1234567`.
    pub fn find(arguments: impl Iterator<Item = String>) -> Result<Self, Broken> {
        let zipped = arguments
            .map(|argument| {
                let (name, bytes) = argument
                    .split_once('=')
                    .ok_or_else(|| format!("`{argument}` is not FUNCTION=BYTES"))?;
                Ok((name.to_owned(), bytes.parse()?))
            })
            .collect::<Result<_, Broken>>()?;
        let directory = std::env::current_exe()?
            .parent()
            .ok_or("this program lies nowhere")?
            .to_owned();
        let programs = Self { directory, zipped };
        for program in [
            programs.hello(),
            programs.function("sms-webhook"),
            programs.function("outbound-send"),
        ] {
            if !program.is_file() {
                return Err(format!(
                    "{} is not built; `cargo xtask bench` builds it",
                    program.display()
                )
                .into());
            }
        }
        Ok(programs)
    }

    /// A function.
    pub fn function(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The function that does nothing.
    pub fn hello(&self) -> PathBuf {
        self.function("bench-hello")
    }

    /// Says what each function weighs.
    pub fn weigh(&self, report: &mut Report) {
        for (name, bytes) in &self.zipped {
            let measured = format!("{:.2} MB", *bytes as f64 / 1e6);
            report.goal(
                &format!("zipped, {name}"),
                "3 MB",
                measured,
                "",
                *bytes <= ZIPPED_BYTES_MAX,
            );
        }
    }
}
