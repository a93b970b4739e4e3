//! The emulator's process.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::{env, process};

use crate::supervisor::Supervisor;
use crate::{Error, ports};

/// `$1` is a directory for its log, the rest the command. Any line, and the end of the input, is the end of the server.
const SUPERVISE: &str = r#"
directory=$1; shift
trap '' PIPE HUP INT
"$@" </dev/null >"$directory/server.log" 2>&1 &
pid=$!
finish() { kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; cd /; rm -rf "$directory"; exit; }
trap finish TERM
read -r _
finish
"#;

#[derive(Debug)]
pub(super) struct Emulator {
    directory: PathBuf,
    supervisor: Mutex<Supervisor>,
}

impl Emulator {
    /// Starts it on a port that was free a moment ago.
    pub(super) fn launch(program: &[PathBuf]) -> Result<(u16, Self), Error> {
        let port = ports::free()?;
        let name = format!("ringspace-aws-{}-{:08x}", process::id(), ports::random() as u32);
        let directory = env::temp_dir().join(name);
        fs::create_dir(&directory).map_err(Error::io(format!("create {}", directory.display())))?;
        let port_text = port.to_string();
        let mut arguments = vec![directory.as_os_str()];
        arguments.extend(program.iter().map(|part| part.as_os_str()));
        arguments.extend(["-H", "127.0.0.1", "-p", &port_text].map(OsStr::new));
        let supervisor = Supervisor::spawn(SUPERVISE, &arguments, &directory, None)?;
        Ok((
            port,
            Self {
                directory,
                supervisor: Mutex::new(supervisor),
            },
        ))
    }

    pub(super) fn log(&self) -> String {
        fs::read(self.directory.join("server.log"))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    pub(super) fn finish(&self) {
        self.supervisor
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .finish();
    }
}
