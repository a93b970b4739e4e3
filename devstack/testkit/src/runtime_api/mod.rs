//! Runs a built function as Lambda does: as a child process that polls a Runtime API.
//!
//! The process gets the variables that Lambda sets and those that the test gives, and nothing else from the test's own
//! environment, so a function that forgets to declare a variable fails here too.
//!
//! ```no_run
//! use serde_json::json;
//! # async fn test(binary: &std::path::Path) {
//! let function = testkit::runtime_api::Function::spawn(binary, [("APP_URL", "http://127.0.0.1:9000")]).unwrap();
//! let answer = function.invoke(json!({})).await.unwrap();
//! # }
//! ```

mod events;
mod process;
mod server;

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::AbortHandle;

pub use events::{http_event, schedule_event, sqs_event};

use self::process::Process;
use self::server::{Failed, State};
use crate::{Error, background};

/// How long a killed or finished process may take to be noticed.
const PATIENCE: Duration = Duration::from_secs(10);

/// The configuration of a function that is not in its environment.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its name; by default the binary's.
    pub name: Option<String>,
    /// Its memory, as the process is told; nothing enforces it.
    pub memory_mb: u32,
    /// How long an invocation may take; then the process is killed, as Lambda does.
    pub timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: None,
            memory_mb: 128,
            timeout: Duration::from_secs(30),
        }
    }
}

/// Why an invocation gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum InvokeError {
    /// The function reported an error: the document that it sent.
    #[error("the function reported {0}")]
    Function(Value),
    /// The process ended before it answered; the text is the end of its log.
    #[error("the function's process ended ({status}): {log}")]
    Exited {
        /// Exit code or signal.
        status: String,
        /// What it wrote last.
        log: String,
    },
    /// The time of [`Options::timeout`] is over, and the process has been killed.
    #[error("the function did not answer within {0:?}")]
    TimedOut(Duration),
}

/// A function's process and the Runtime API that serves it. Dropping it kills the process.
#[derive(Debug)]
pub struct Function {
    state: Arc<State>,
    process: Arc<Process>,
    server: AbortHandle,
    timeout: Duration,
}

impl Function {
    /// Starts `binary` with these variables.
    pub fn spawn<K, V>(
        binary: impl AsRef<Path>,
        environment: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, Error>
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        Self::spawn_with(binary, environment, Options::default())
    }

    /// Starts `binary` with these variables and options.
    pub fn spawn_with<K, V>(
        binary: impl AsRef<Path>,
        environment: impl IntoIterator<Item = (K, V)>,
        options: Options,
    ) -> Result<Self, Error>
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        let binary = binary.as_ref();
        let name = options.name.unwrap_or_else(|| {
            binary
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        });
        let state = Arc::new(State::new(name.clone(), options.timeout));
        let (address, server) = background::serve(server::router(Arc::clone(&state)))?;
        let mut variables = process::lambda_variables(&name, options.memory_mb, &address.to_string());
        variables.extend(
            environment
                .into_iter()
                .map(|(key, value)| (key.as_ref().to_owned(), value.as_ref().to_owned())),
        );
        let process = Process::spawn(binary, variables, Arc::clone(&state))?;
        Ok(Self {
            state,
            process: Arc::new(process),
            server,
            timeout: options.timeout,
        })
    }

    /// Sends one event and waits for its answer. Several may be asked for at once: they are served one after the other.
    pub async fn invoke(&self, payload: Value) -> Result<Value, InvokeError> {
        self.invoke_bytes(payload.to_string().into_bytes()).await
    }

    /// Sends bytes that need not be JSON.
    pub async fn invoke_bytes(&self, payload: Vec<u8>) -> Result<Value, InvokeError> {
        let answered = self.state.enqueue(payload);
        // The process may have ended before the invocation was in the queue.
        if let Some(status) = self.exit_status() {
            self.state.fail_all(&status.to_string());
        }
        let mut begun = self.state.begun();
        let deadline = async {
            let _ = begun.wait_for(|latest| *latest >= answered.number).await;
            tokio::time::sleep(self.timeout).await;
        };
        tokio::select! {
            result = answered.answer => match result {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(Failed::Reported(document))) => Err(InvokeError::Function(document)),
                Ok(Err(Failed::Exited(status))) => Err(self.exited(status)),
                Err(_) => Err(self.exited("unknown".to_owned())),
            },
            () = deadline => {
                self.kill();
                Err(InvokeError::TimedOut(self.timeout))
            }
        }
    }

    fn exited(&self, status: String) -> InvokeError {
        InvokeError::Exited {
            status,
            log: crate::tools::last_lines(&self.logs(), 12),
        }
    }

    /// Waits until the function has asked for its first event, or has ended without.
    pub async fn ready(&self) -> Result<(), InvokeError> {
        let mut polled = self.state.polled();
        tokio::select! {
            _ = polled.wait_for(Option::is_some) => Ok(()),
            status = self.process.ended() => Err(self.exited(status.to_string())),
        }
    }

    /// From the start of the process to its first request for an event.
    pub fn time_to_first_poll(&self) -> Option<Duration> {
        Some(self.state.first_poll()?.duration_since(self.process.started()))
    }

    /// From the start of the process to its first answer. It says something about cold starts when the invocation was
    /// in the queue before the function polled.
    pub fn time_to_first_answer(&self) -> Option<Duration> {
        Some(self.state.first_answer()?.duration_since(self.process.started()))
    }

    /// What the function reported as the reason why it cannot start.
    pub fn init_error(&self) -> Option<Value> {
        self.state.init_error()
    }

    /// Everything that the process has written to stdout and stderr.
    pub fn logs(&self) -> String {
        self.process.logs()
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// How the process ended, if it has.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        self.process.exit_status()
    }

    /// Waits for the process to end by itself.
    pub async fn wait(&self) -> ExitStatus {
        self.process.ended().await
    }

    /// Kills the process with SIGKILL, frozen or not.
    pub fn kill(&self) {
        self.process.signal(rustix::process::Signal::KILL);
    }

    /// Asks the process to end, as Lambda does with SIGTERM before it takes a sandbox away.
    pub fn terminate(&self) {
        self.process.signal(rustix::process::Signal::TERM);
    }

    /// Stops the process where it is, as Lambda does between invocations.
    pub fn freeze(&self) {
        self.process.signal(rustix::process::Signal::STOP);
    }

    /// Lets a frozen process go on.
    pub fn thaw(&self) {
        self.process.signal(rustix::process::Signal::CONT);
    }

    /// Resident memory in KiB, now and at its highest. Known on Linux only.
    pub fn resident_kib(&self) -> Option<(u64, u64)> {
        self.process.resident_kib()
    }

    /// Kills the process and waits until it has gone.
    pub async fn close(self) {
        self.kill();
        let _ = tokio::time::timeout(PATIENCE, self.process.ended()).await;
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.kill();
        self.server.abort();
    }
}

/// When something first happened.
type Moment = Option<Instant>;
