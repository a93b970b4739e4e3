//! A `cargo lambda watch` that lives as long as its value.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::process;
use crate::venv::Venv;
use crate::workspace::Workspace;

/// Time in which the server has to listen.
const START_SECONDS_MAX: u64 = 30;
/// Time in which a function has to answer, the start of its process included.
const ANSWER_SECONDS_MAX: u64 = 60;

/// The running server.
pub struct Watch {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Watch {
    /// Starts it on a free port and waits until it listens.
    pub fn start(workspace: &Workspace, tools: &Venv, settings: &Path) -> Result<Self, String> {
        let port = free_port().map_err(|error| format!("no free port on 127.0.0.1: {error}"))?;
        let log = workspace.target.join("lambda-events").join("watch.log");
        let mut command = workspace.cargo(&[
            "lambda",
            "watch",
            "--ignore-changes",
            "-A",
            "127.0.0.1",
            "-P",
            &port.to_string(),
        ]);
        command
            .args(["--timeout", &ANSWER_SECONDS_MAX.to_string(), "--env-file"])
            .arg(settings)
            .env("PATH", tools.path());
        process::log_to(&log, &mut command)?;
        println!("Starting `cargo lambda watch` on 127.0.0.1:{port} …");
        let child = command
            .spawn()
            .map_err(|error| format!("cannot start `cargo lambda watch`: {error}"))?;
        let mut watch = Self { child, port, log };
        watch.wait_until_it_listens()?;
        Ok(watch)
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it and the functions print.
    pub fn log(&self) -> &Path {
        &self.log
    }

    fn wait_until_it_listens(&mut self) -> Result<(), String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let started = Instant::now();
        while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
            let ended = self.child.try_wait().is_ok_and(|status| status.is_some());
            if ended || started.elapsed() > Duration::from_secs(START_SECONDS_MAX) {
                return Err(format!(
                    "`cargo lambda watch` does not listen on {address}:\n{}",
                    process::tail(&self.log)
                ));
            }
            sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

impl Drop for Watch {
    /// Asks it to end, for only then it ends the functions too.
    fn drop(&mut self) {
        let kill = format!("kill -TERM {}", self.child.id());
        let asked = Command::new("sh")
            .args(["-c", &kill])
            .stderr(Stdio::null())
            .status();
        for _ in 0..50 {
            if asked.is_err() || self.child.try_wait().is_ok_and(|status| status.is_some()) {
                break;
            }
            sleep(Duration::from_millis(100));
        }
        // Both do nothing to a process that has ended.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
