//! A real PgBouncer in front of a Postgres: transactions of many clients share its few connections.
//!
//! An installed one is used; otherwise Debian's package is fetched and unpacked, which needs neither root nor an installation.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{env, process};

use tokio_postgres::NoTls;
use url::Url;

use crate::postgres::{copy_for_everyone, unprivileged};
use crate::supervisor::Supervisor;
use crate::{Error, blocking, ports, tools};

/// `$1` is a directory for its files, `$2` one with more libraries, `$3` the program. The end of the input is its end.
const SUPERVISE: &str = r#"
directory=$1
trap '' PIPE HUP INT
LD_LIBRARY_PATH=$2 "$3" "$directory/pgbouncer.ini" </dev/null >"$directory/server.log" 2>&1 &
pid=$!
finish() { kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; cd /; rm -rf "$directory"; exit; }
trap finish TERM
read -r _
finish
"#;

/// A running PgBouncer in transaction mode. Dropping it stops it, and so does the end of the process, however it ends.
#[derive(Debug)]
pub struct PgBouncer {
    port: u16,
    directory: PathBuf,
    supervisor: Mutex<Supervisor>,
}

impl PgBouncer {
    /// Stands in front of the server of `url`, for these users of it, with so many connections to it per user and database.
    ///
    /// # Errors
    /// When there is no PgBouncer to be had (the message says what to install), or it does not start.
    pub async fn start(url: &str, users: &[(&str, &str)], connections: u32) -> Result<Self, Error> {
        Self::start_with(url, users, connections, "").await
    }

    /// The same with more lines of its configuration.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_with(
        url: &str,
        users: &[(&str, &str)],
        connections: u32,
        more: &str,
    ) -> Result<Self, Error> {
        let upstream = Url::parse(url)
            .map_err(|error| Error::Failed(format!("the database URL cannot be read: {error}")))?;
        let users: Vec<(String, String)> = users
            .iter()
            .map(|(name, password)| ((*name).to_owned(), (*password).to_owned()))
            .collect();
        let launched = {
            let (upstream, more) = (upstream.clone(), more.to_owned());
            blocking(move || Self::launch(&upstream, &users, connections, &more)).await?
        };
        let probe = launched.url(url);
        for _ in 0..200 {
            if tokio_postgres::connect(&probe, NoTls).await.is_ok() {
                return Ok(launched);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(Error::Failed(format!(
            "PgBouncer did not start within 10 s: {}",
            tools::last_lines(&launched.log(), 8)
        )))
    }

    fn launch(
        upstream: &Url,
        users: &[(String, String)],
        connections: u32,
        more: &str,
    ) -> Result<Self, Error> {
        let (program, libraries) = locate()?;
        let port = ports::free()?;
        let account = unprivileged();
        let directory = env::temp_dir().join(format!(
            "ringspace-bouncer-{}-{:08x}",
            process::id(),
            ports::random() as u32
        ));
        let configuration = format!(
            "[databases]\n* = host={host} port={upstream_port}\n\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = plain\nauth_file = {users}\npool_mode = transaction\n\
             default_pool_size = {connections}\nmax_client_conn = 500\n{more}\n",
            host = upstream.host_str().unwrap_or("127.0.0.1"),
            upstream_port = upstream.port().unwrap_or(5432),
            users = directory.join("users.txt").display(),
        );
        let accounts: String = users
            .iter()
            .map(|(name, password)| format!("\"{name}\" \"{password}\"\n"))
            .collect();
        let write = || {
            fs::create_dir(&directory)?;
            fs::set_permissions(&directory, fs::Permissions::from_mode(0o700))?;
            fs::write(directory.join("pgbouncer.ini"), configuration)?;
            fs::write(directory.join("users.txt"), accounts)?;
            if let Some(account) = account {
                for path in [
                    directory.join("pgbouncer.ini"),
                    directory.join("users.txt"),
                    directory.clone(),
                ] {
                    chown(path, Some(account.uid), Some(account.gid))?;
                }
            }
            Ok(())
        };
        write().map_err(Error::io(format!("write {}", directory.display())))?;
        let arguments = [directory.as_os_str(), libraries.as_os_str(), program.as_os_str()];
        let supervisor = Supervisor::spawn(SUPERVISE, &arguments, &directory, account)?;
        Ok(Self {
            port,
            directory,
            supervisor: Mutex::new(supervisor),
        })
    }

    /// The same URL, through it.
    ///
    /// # Panics
    ///
    /// When `original` is not a URL.
    pub fn url(&self, original: &str) -> String {
        let mut url = Url::parse(original).expect("a database URL parses as a URL");
        url.set_host(Some("127.0.0.1"))
            .expect("a database URL has a host");
        url.set_port(Some(self.port)).expect("a database URL has a host");
        url.into()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read(self.directory.join("server.log"))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        self.supervisor
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .finish();
    }
}

/// The program, and a directory with libraries that it may need.
fn locate() -> Result<(PathBuf, PathBuf), Error> {
    let on_path = env::var_os("PATH").unwrap_or_default();
    let installed = env::split_paths(&on_path)
        .chain(["/usr/sbin", "/opt/homebrew/bin", "/usr/local/bin"].map(PathBuf::from))
        .map(|directory| directory.join("pgbouncer"))
        .find(|program| program.exists());
    if let Some(program) = installed {
        return Ok((program, PathBuf::new()));
    }
    let root = tools::provide("pgbouncer-debian", fetch).map_err(|error| {
        Error::Missing(format!(
            "no PgBouncer: install it (Debian: apt install pgbouncer; macOS: brew install pgbouncer). Fetching Debian's \
             package failed: {error}"
        ))
    })?;
    let program = root.join("usr/sbin/pgbouncer");
    // A download below a home directory that only root may enter cannot be run by the account that root has to use.
    let program = match unprivileged() {
        Some(_) => copy_for_everyone(&program)?,
        None => program,
    };
    let root = program
        .ancestors()
        .nth(3)
        .expect("the program lies three directories below");
    let libraries = fs::read_dir(root.join("usr/lib"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.to_string_lossy().ends_with("-linux-gnu"));
    Ok((program.clone(), libraries.unwrap_or_default()))
}

/// The package, and those libraries that few machines have.
fn fetch(scratch: &Path) -> Result<(), Error> {
    eprintln!("testkit: fetching PgBouncer: Debian's package pgbouncer, with apt-get download");
    let depends = tools::run(Command::new("apt-cache").args(["depends", "pgbouncer"]))?;
    let depends = String::from_utf8_lossy(&depends.stdout).into_owned();
    let libraries = depends
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "))
        .filter(|name| {
            ["libc-ares", "libcares", "libevent"]
                .iter()
                .any(|start| name.starts_with(start))
        });
    let packages: Vec<&str> = std::iter::once("pgbouncer").chain(libraries).collect();
    tools::run(
        Command::new("apt-get")
            .args(["download", "--quiet"])
            .args(packages)
            .current_dir(scratch),
    )?;
    let archives: Vec<PathBuf> = fs::read_dir(scratch)
        .map_err(Error::io(format!("read {}", scratch.display())))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension() == Some(OsStr::new("deb")))
        .collect();
    for archive in archives {
        tools::run(Command::new("dpkg").arg("-x").arg(&archive).arg(scratch))?;
        let _ = fs::remove_file(archive);
    }
    Ok(())
}
