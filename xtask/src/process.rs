//! Running other programs: aloud, in silence, or in silence with a sign of life.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The Cargo that runs this tool.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a step whose output people want to see.
pub fn aloud(command: &mut Command) -> Result<(), String> {
    println!("$ {}", line(command));
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| not_started(command, &error))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{}` failed ({status})", line(command)))
    }
}

/// Runs a program that says itself what is wrong, and whose words must not be repeated here: they may be secret.
pub fn quietly(command: &mut Command) -> Result<(), String> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| not_started(command, &error))?;
    if status.success() {
        Ok(())
    } else {
        Err("nothing was done".to_owned())
    }
}

/// What a program prints.
pub fn stdout_of(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| not_started(command, &error))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("`{}` failed ({})", line(command), output.status))
    }
}

/// Runs something slow whose output matters only if it fails: that goes to `log`. A line every ten seconds says that it goes on.
pub fn patiently(what: &str, log: &Path, command: &mut Command) -> Result<(), String> {
    println!("{what} …");
    log_to(log, command)?;
    let started = Instant::now();
    let mut child = command.spawn().map_err(|error| not_started(command, &error))?;
    let mut next_sign = Duration::from_secs(10);
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("`{}` failed ({status}):\n{}", line(command), tail(log))),
            Ok(None) => {}
            Err(error) => return Err(format!("lost sight of `{}`: {error}", line(command))),
        }
        if started.elapsed() >= next_sign {
            println!("{what} … {} s", next_sign.as_secs());
            next_sign += Duration::from_secs(10);
        }
        sleep(Duration::from_millis(100));
    }
}

/// Sends what a program prints to a file.
pub fn log_to(log: &Path, command: &mut Command) -> Result<(), String> {
    let open = || -> std::io::Result<(File, File)> {
        if let Some(directory) = log.parent() {
            fs::create_dir_all(directory)?;
        }
        let file = File::create(log)?;
        Ok((file.try_clone()?, file))
    };
    let (stdout, stderr) = open().map_err(|error| format!("cannot write {}: {error}", log.display()))?;
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    Ok(())
}

/// The last lines of a log.
pub fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// The command as one would type it.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    std::iter::once(program)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

fn not_started(command: &Command, error: &std::io::Error) -> String {
    format!("cannot start {}: {error}", command.get_program().display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_reads_as_typed() {
        let mut command = Command::new("/opt/tools/bin/sam");
        command.args(["validate", "--lint"]);
        assert_eq!(line(&command), "sam validate --lint");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let message = aloud(&mut Command::new("no-such-program")).unwrap_err();
        assert!(message.starts_with("cannot start no-such-program: "), "{message}");
    }
}
