//! `cargo xtask migrate STACK BOOTSTRAP`: puts the built migrator into a stack and runs it, before anything else of a release goes
//! there. Asks AWS through its command line, which knows every way to sign in.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::process;
use crate::workspace::Workspace;

/// Packs a binary as Lambda wants it.
const PACK: &str = "\
import sys, zipfile
info = zipfile.ZipInfo('bootstrap')
info.external_attr = 0o755 << 16
info.compress_type = zipfile.ZIP_DEFLATED
with zipfile.ZipFile(sys.argv[2], 'w') as archive:
    archive.writestr(info, open(sys.argv[1], 'rb').read())
";

/// Uploads, waits, invokes. Traffic is not touched: the alias goes on pointing at the version before.
pub fn run(workspace: &Workspace, stack: &str, bootstrap: &str) -> Result<(), String> {
    run_with(workspace, Path::new("aws"), stack, bootstrap)
}

fn run_with(workspace: &Workspace, aws: &Path, stack: &str, bootstrap: &str) -> Result<(), String> {
    let directory = workspace.target.join("migrate");
    fs::create_dir_all(&directory)
        .map_err(|error| format!("cannot make {}: {error}", directory.display()))?;
    let archive = directory.join("migrator.zip");
    let answer = directory.join("answer.json");
    let function = format!("{stack}-migrator");
    process::stdout_of(
        workspace
            .command("python3")
            .args(["-c", PACK, bootstrap])
            .arg(&archive),
    )?;

    let ask = |arguments: &[&str]| -> Result<String, String> {
        let mut command: Command = workspace.command(aws);
        command
            .args(arguments)
            .args(["--function-name", &function, "--output", "json"]);
        process::stdout_of(&mut command)
    };
    if ask(&["lambda", "get-function"]).is_err() {
        println!(
            "{function} is not there yet: the first deployment makes it, then it is invoked by hand (docs/DEPLOY.md, step 4)"
        );
        return Ok(());
    }
    ask(&[
        "lambda",
        "update-function-code",
        "--zip-file",
        &format!("fileb://{}", archive.display()),
    ])?;
    ask(&["lambda", "wait", "function-updated-v2"])?;
    let told = ask(&[
        "lambda",
        "invoke",
        "--cli-binary-format",
        "raw-in-base64-out",
        "--cli-read-timeout",
        "310",
        "--payload",
        "{}",
        &answer.display().to_string(),
    ])?;
    let text =
        fs::read_to_string(&answer).map_err(|error| format!("the migrator gave no answer: {error}"))?;
    let told: Value = serde_json::from_str(&told).unwrap_or(Value::Null);
    if told["FunctionError"].is_null() {
        println!("{text}");
        Ok(())
    } else {
        Err(format!(
            "the migrations failed, and nothing else has been deployed: {text}"
        ))
    }
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, reason = "helpers of tests")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A command line that writes down what it is asked, and answers as told.
    fn played(name: &str, get: &str, invoked: &str, answer: &str) -> (Result<(), String>, String) {
        let workspace = Workspace::find().unwrap();
        let directory = workspace.target.join("migrate-tests").join(name);
        fs::create_dir_all(&directory).unwrap();
        let log = directory.join("asked");
        let _ = fs::remove_file(&log);
        let aws = directory.join("aws");
        let script = format!(
            "#!/bin/sh\necho \"$2\" >> '{}'\ncase $2 in\nget-function) {get};;\ninvoke) for last; do case $last in */answer.json) echo '{answer}' > \"$last\";; esac; done; echo '{invoked}';;\n*) echo '{{}}';;\nesac\n",
            log.display()
        );
        fs::write(&aws, script).unwrap();
        fs::set_permissions(&aws, fs::Permissions::from_mode(0o755)).unwrap();
        let bootstrap = directory.join("bootstrap");
        fs::write(&bootstrap, "binary").unwrap();
        let own = Workspace {
            target: directory.clone(),
            ..workspace
        };
        let result = run_with(&own, &aws, "ringspace-test", &bootstrap.display().to_string());
        (result, fs::read_to_string(log).unwrap_or_default())
    }

    #[test]
    fn the_new_code_migrates_and_a_failure_stops_the_deployment() {
        let (result, asked) = played("well", "echo '{}'", "{}", r#"{"applied":[],"version":17}"#);
        assert_eq!(result, Ok(()));
        assert_eq!(asked, "get-function\nupdate-function-code\nwait\ninvoke\n");
        let (result, _) = played(
            "failing",
            "echo '{}'",
            r#"{"FunctionError":"Unhandled"}"#,
            r#"{"errorMessage":"V0018 failed"}"#,
        );
        assert!(result.unwrap_err().contains("V0018 failed"));
        let (result, asked) = played("first", "exit 254", "{}", "{}");
        assert_eq!((result, asked.as_str()), (Ok(()), "get-function\n"));
    }
}
