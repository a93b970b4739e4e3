//! The function's process: its environment, its output, its end.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command as StdCommand, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;
use tokio::sync::watch;

use super::server::State;
use crate::{Error, background};

/// Kills `$1` when the pipe from the owner breaks; a line before that sends the watcher home.
const WATCH: &str = "trap '' HUP INT TERM; read -r _ || kill -9 \"$1\"";

#[derive(Debug)]
pub(super) struct Process {
    pid: u32,
    started: Instant,
    logs: Arc<Mutex<String>>,
    ended: watch::Receiver<Option<ExitStatus>>,
}

/// The variables that Lambda itself sets.
pub(super) fn lambda_variables(name: &str, memory_mb: u32, api: &str) -> Vec<(OsString, OsString)> {
    let memory = memory_mb.to_string();
    let group = format!("/aws/lambda/{name}");
    [
        ("AWS_LAMBDA_RUNTIME_API", api),
        ("AWS_LAMBDA_FUNCTION_NAME", name),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", &group),
        (
            "AWS_LAMBDA_LOG_STREAM_NAME",
            "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef",
        ),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("LAMBDA_TASK_ROOT", "/var/task"),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        ("_HANDLER", "bootstrap"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("LANG", "en_US.UTF-8"),
        ("TZ", ":UTC"),
    ]
    .map(|(key, value)| (OsString::from(key), OsString::from(value)))
    .into()
}

impl Process {
    pub(super) fn spawn(
        binary: &Path,
        variables: Vec<(OsString, OsString)>,
        state: Arc<State>,
    ) -> Result<Self, Error> {
        let _background = background::handle().enter();
        let mut command = Command::new(binary);
        command
            .env_clear()
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let started = Instant::now();
        let mut child = command
            .spawn()
            .map_err(Error::io(format!("start {}", binary.display())))?;
        let pid = child.id().expect("a process that was just started has an id");
        let mut watcher = StdCommand::new("sh")
            .args(["-c", WATCH, "watcher", &pid.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::io("start sh"))?;

        let logs = Arc::new(Mutex::new(String::new()));
        let readers = [
            tokio::spawn(collect(
                child.stdout.take().expect("stdout is a pipe"),
                Arc::clone(&logs),
            )),
            tokio::spawn(collect(
                child.stderr.take().expect("stderr is a pipe"),
                Arc::clone(&logs),
            )),
        ];
        let (end, ended) = watch::channel(None);
        tokio::spawn(async move {
            let status = child.wait().await;
            // The last words come before the news of the end. A grandchild may hold the pipes longer than is of interest.
            for reader in readers {
                let _ = tokio::time::timeout(std::time::Duration::from_secs(1), reader).await;
            }
            if let Some(mut pipe) = watcher.stdin.take() {
                let _ = std::io::Write::write_all(&mut pipe, b"\n");
            }
            let _ = watcher.wait();
            let status = status.unwrap_or_default();
            end.send_replace(Some(status));
            state.fail_all(&status.to_string());
        });
        Ok(Self {
            pid,
            started,
            logs,
            ended,
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn started(&self) -> Instant {
        self.started
    }

    pub(super) fn logs(&self) -> String {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn exit_status(&self) -> Option<ExitStatus> {
        *self.ended.borrow()
    }

    pub(super) async fn ended(&self) -> ExitStatus {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(status) => status.unwrap_or_default(),
            Err(_) => ExitStatus::default(),
        }
    }

    /// Nothing is sent to a process that has ended: its id may be another's by now.
    pub(super) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let (None, Some(pid)) = (self.exit_status(), pid) {
            let _ = kill_process(pid, signal);
        }
    }

    pub(super) fn resident_kib(&self) -> Option<(u64, u64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().trim_end_matches("kB").trim().parse().ok()
        };
        Some((field("VmRSS:")?, field("VmHWM:")?))
    }
}

async fn collect(stream: impl AsyncRead + Unpin, logs: Arc<Mutex<String>>) {
    let mut lines = BufReader::new(stream);
    let mut line = Vec::new();
    while lines
        .read_until(b'\n', &mut line)
        .await
        .is_ok_and(|count| count > 0)
    {
        logs.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_str(&String::from_utf8_lossy(&line));
        line.clear();
    }
}
