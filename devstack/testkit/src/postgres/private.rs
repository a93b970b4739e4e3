//! The process and the files of a private server.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{env, process};

use tokio_postgres::Config;

use super::binaries::{Binaries, Source, unprivileged};
use super::server::Options;
use super::tls;
use crate::supervisor::{Account, Supervisor};
use crate::{Error, ports, tools};

/// Commands come as lines, each is answered with a line; the end of the input is the end of the server.
/// SIGPIPE is ignored, for the answer to an owner that has just been killed must not end the shell before the server.
const SUPERVISE: &str = r#"
directory=$1 bin=$2
control() { "$bin/pg_ctl" -D "$directory/data" -s -w -t 60 "$@" </dev/null >>"$directory/control.log" 2>&1; }
finish() { control stop -m fast || control stop -m immediate; cd /; rm -rf "$directory"; exit; }
trap '' PIPE HUP INT
trap finish TERM
while read -r command; do
  case $command in
    init) "$bin/initdb" -D "$directory/data" -U postgres -A trust -E UTF8 --locale=C --no-sync \
            </dev/null >>"$directory/control.log" 2>&1 ;;
    start) control start -l "$directory/server.log" ;;
    stop) control stop -m fast ;;
    crash) control stop -m immediate ;;
  esac && echo ok || echo failed
done
finish
"#;

#[derive(Debug)]
pub(super) struct Private {
    directory: PathBuf,
    port: u16,
    binaries: Binaries,
    authority: Option<String>,
    supervisor: Mutex<Supervisor>,
}

impl Private {
    /// Blocks for about a second, and for as long as a download takes when there is no Postgres.
    pub(super) fn launch(options: &Options) -> Result<Self, Error> {
        let source = match options.source {
            Some(source) => Some(source),
            None => Source::from_env()?,
        };
        let binaries = Binaries::locate(source)?;
        if options.tls && binaries.source == Source::Pip {
            return Err(Error::Missing(
                "the Postgres of the PyPI package is built without TLS: install Postgres, or npm, or set PG_BIN".to_owned(),
            ));
        }
        let account = unprivileged();
        let directory = fresh_directory(account)?;
        let arguments = [directory.as_os_str(), OsStr::new(&binaries.directory)];
        let supervisor = Supervisor::spawn(SUPERVISE, &arguments, &directory, account)?;
        let mut server = Self {
            directory,
            port: 0,
            binaries,
            authority: None,
            supervisor: Mutex::new(supervisor),
        };
        server.order("init")?;
        server.configure(options, account)?;
        for attempt in 1.. {
            server.take_port(options.port)?;
            match server.order("start") {
                Ok(()) => break,
                // Between looking for a free port and binding it, somebody else may take it.
                Err(_) if options.port.is_none() && attempt < 5 => {}
                Err(error) => return Err(error),
            }
        }
        Ok(server)
    }

    /// One of the commands of the script.
    pub(super) fn order(&self, command: &str) -> Result<(), Error> {
        let mut supervisor = self.supervisor.lock().unwrap_or_else(PoisonError::into_inner);
        if supervisor.ask(command)? == "ok" {
            return Ok(());
        }
        let control = fs::read_to_string(self.directory.join("control.log")).unwrap_or_default();
        Err(Error::Failed(format!(
            "Postgres ({}) did not {command}:\n{}\n{}",
            self.binaries.version,
            tools::last_lines(&control, 8),
            tools::last_lines(&self.log(), 8)
        )))
    }

    pub(super) fn finish(&self) {
        self.supervisor
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .finish();
    }

    fn configure(&mut self, options: &Options, account: Option<Account>) -> Result<(), Error> {
        let mut settings = vec![
            ("listen_addresses", "'127.0.0.1'".to_owned()),
            ("unix_socket_directories", text(&self.directory.to_string_lossy())),
            ("max_connections", "200".to_owned()),
        ];
        if !options.durable {
            settings.extend(
                ["fsync", "synchronous_commit", "full_page_writes"].map(|name| (name, "off".to_owned())),
            );
        }
        if options.tls {
            let certificates = tls::issue()?;
            let certificate = self.keep("server.crt", &certificates.server, account)?;
            let key = self.keep("server.key", &certificates.server_key, account)?;
            settings.push(("ssl", "on".to_owned()));
            settings.push(("ssl_cert_file", text(&certificate.to_string_lossy())));
            settings.push(("ssl_key_file", text(&key.to_string_lossy())));
            self.authority = Some(certificates.authority);
        }
        let mut lines: String = settings
            .iter()
            .map(|(name, value)| format!("{name} = {value}\n"))
            .collect();
        for (name, value) in &options.settings {
            lines += &format!("{name} = {}\n", text(value));
        }
        lines += "include 'port.conf'\n";
        self.append("postgresql.conf", &lines)?;
        // A file of its own: it is written again for every attempt.
        self.keep("data/port.conf", "", account)?;

        let method = if options.scram { "scram-sha-256" } else { "trust" };
        let access = format!("local all all trust\nhost all all 127.0.0.1/32 {method}\n");
        let path = self.directory.join("data/pg_hba.conf");
        fs::write(&path, access).map_err(Error::io(format!("write {}", path.display())))
    }

    fn take_port(&mut self, wanted: Option<u16>) -> Result<(), Error> {
        self.port = wanted.map_or_else(ports::free, Ok)?;
        let path = self.directory.join("data/port.conf");
        fs::write(&path, format!("port = {}\n", self.port))
            .map_err(Error::io(format!("write {}", path.display())))
    }

    fn append(&self, name: &str, lines: &str) -> Result<(), Error> {
        let path = self.directory.join("data").join(name);
        let file = OpenOptions::new().append(true).open(&path);
        file.and_then(|mut file| file.write_all(lines.as_bytes()))
            .map_err(Error::io(format!("write {}", path.display())))
    }

    /// Writes a file that only the server's account may read: Postgres refuses a key that others can.
    fn keep(&self, name: &str, content: &str, account: Option<Account>) -> Result<PathBuf, Error> {
        let path = self.directory.join(name);
        fs::write(&path, content)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o600)))
            .and_then(|()| give(&path, account))
            .map_err(Error::io(format!("write {}", path.display())))?;
        Ok(path)
    }

    pub(super) fn socket_config(&self, user: &str) -> Config {
        let mut config = Config::new();
        config
            .host_path(&self.directory)
            .port(self.port)
            .user(user)
            .dbname("postgres");
        config
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    pub(super) fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    pub(super) fn log(&self) -> String {
        fs::read(self.directory.join("server.log"))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }
}

/// The socket lies in it, whose path may have some hundred bytes only, and an unprivileged account must reach it:
/// so `/tmp`, unless the system's own temporary directory is as short and we are not root.
fn fresh_directory(account: Option<Account>) -> Result<PathBuf, Error> {
    let own = env::temp_dir();
    let parent = if account.is_some() || own.as_os_str().len() > 60 {
        PathBuf::from("/tmp")
    } else {
        own
    };
    let directory = parent.join(format!(
        "ringspace-pg-{}-{:08x}",
        process::id(),
        ports::random() as u32
    ));
    fs::create_dir(&directory)
        .and_then(|()| fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)))
        .and_then(|()| give(&directory, account))
        .map_err(Error::io(format!("create {}", directory.display())))?;
    Ok(directory)
}

fn give(path: &Path, account: Option<Account>) -> std::io::Result<()> {
    account.map_or(Ok(()), |account| {
        chown(path, Some(account.uid), Some(account.gid))
    })
}

/// A value of `postgresql.conf`.
fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}
