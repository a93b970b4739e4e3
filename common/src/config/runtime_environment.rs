//! What a server of the Lambda Runtime API says in the environment.

use super::ConfigError;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// What `lambda_runtime` does not start without, and what stands in for it; for the name it is the program's.
const DESCRIPTION: [(&str, &str); 3] = [
    ("AWS_LAMBDA_FUNCTION_NAME", ""),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
];

/// Lambda and `cargo lambda` describe the function in the environment; a plain server of the Runtime API need not, and
/// `lambda_runtime` panics where it does not. The program then starts once more in its own place, with what was missing: a process
/// cannot change its own environment safely.
///
/// # Errors
/// There is no server at all, the memory is no number, or the program cannot be started again.
pub(super) fn complete() -> Result<(), ConfigError> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if set("AWS_LAMBDA_RUNTIME_API").is_none() {
        return Err(ConfigError::malformed(
            "AWS_LAMBDA_RUNTIME_API",
            "it is not set: this program runs under Lambda, `cargo lambda watch` or another server of the Lambda Runtime API",
        ));
    }
    let memory = set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").and_then(|text| text.into_string().ok());
    if memory.is_some_and(|text| text.parse::<i32>().is_err()) {
        return Err(ConfigError::malformed(
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            "it is a number of megabytes",
        ));
    }
    let missing: Vec<_> = DESCRIPTION
        .into_iter()
        .filter(|(name, _)| set(name).is_none())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let program = std::env::current_exe().map_err(|error| ConfigError::malformed(missing[0].0, error))?;
    let name = program.file_name().map(OsString::from).unwrap_or_default();
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let error = Command::new(program)
        .args(arguments)
        .envs(missing.iter().map(|(variable, value)| {
            let value = if value.is_empty() {
                name.clone()
            } else {
                value.into()
            };
            (*variable, value)
        }))
        .exec();
    Err(ConfigError::malformed(missing[0].0, error))
}
