//! A shell that owns a server process and cannot be forgotten.
//!
//! A `Drop` does not run when the owner is killed or keeps the server in a `static`. So the server's parent is a small
//! `sh` whose standard input is a pipe from us: however we end, the kernel closes the pipe, `read` sees the end of file,
//! and the script stops the server and removes its files.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Error;

/// Whom a server runs as, when not as us.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Account {
    /// Makes `command` run as this account; supplementary groups are cleared by the standard library.
    pub(crate) fn apply(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }
}

/// A running supervisor script.
#[derive(Debug)]
pub(crate) struct Supervisor {
    child: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Supervisor {
    /// Runs `script` with `arguments` as `$1…` in `directory`.
    pub(crate) fn spawn(
        script: &str,
        arguments: &[&OsStr],
        directory: &Path,
        account: Option<Account>,
    ) -> Result<Self, Error> {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(script)
            .arg("supervisor")
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // An inherited stderr would keep `cargo test | tee` waiting for a server that is about to stop.
            .stderr(Stdio::null())
            // Out of the terminal's group: Ctrl-C reaches the owner, and the owner's end reaches the server.
            .process_group(0);
        if let Some(account) = account {
            account.apply(&mut command);
        }
        let mut child = command.spawn().map_err(Error::io("start sh"))?;
        let commands = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("stdout was asked for as a pipe"));
        Ok(Self {
            child,
            commands,
            answers,
        })
    }

    /// Sends one command line and waits for the line that answers it.
    pub(crate) fn ask(&mut self, command: &str) -> Result<String, Error> {
        let commands = self
            .commands
            .as_mut()
            .expect("the pipe is open until `finish` or drop");
        writeln!(commands, "{command}").map_err(Error::io("speak to the supervisor"))?;
        let mut answer = String::new();
        self.answers
            .read_line(&mut answer)
            .map_err(Error::io("hear from the supervisor"))?;
        Ok(answer.trim().to_owned())
    }

    /// Ends the server and waits until it is gone, files included.
    pub(crate) fn finish(&mut self) {
        self.commands = None;
        let _ = self.child.wait();
    }
}
