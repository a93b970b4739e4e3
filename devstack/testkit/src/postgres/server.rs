//! One Postgres server: a private one that ends with its owner, or the one of `DATABASE_URL`.

use std::env;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::OnceCell;
use tokio_postgres::{Config, NoTls};
use url::Url;

use super::admin::Admin;
use super::binaries::{Binaries, Source};
use super::private::Private;
use super::sweep;
use crate::{Error, blocking};

/// The role that owns every database made here: no superuser, may create roles.
pub const OWNER: &str = "app_owner";

const OWNER_PASSWORD: &str = "app-owner-password";
pub(super) const SUPERUSER: &str = "postgres";
const SUPERUSER_PASSWORD: &str = "superuser-password";

/// How a server is to be started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Waits for the disk at every commit, as production does. Off for tests, on for benches and the local stack.
    pub durable: bool,
    /// Offers TLS with a certificate for `localhost` and 127.0.0.1; [`Server::ca_pem`] is what to trust.
    pub tls: bool,
    /// Asks for the password over TCP (SCRAM), which costs each connection some milliseconds; otherwise any password does.
    pub scram: bool,
    /// Never the server of `DATABASE_URL`: for tests that stop or restart it. `tls`, `scram`, `settings`, `port` imply it.
    pub private: bool,
    /// Further lines of `postgresql.conf`, such as `("log_statement", "all")`.
    pub settings: Vec<(String, String)>,
    /// A port of one's own choice; otherwise a free one.
    pub port: Option<u16>,
    /// Where the programs come from; otherwise `RINGSPACE_POSTGRES`, otherwise the first that works.
    pub source: Option<Source>,
}

/// A running server. Dropping it stops it, and so does the end of the process, however it ends.
#[derive(Debug)]
pub struct Server {
    private: Option<Arc<Private>>,
    owner: Url,
    superuser: Url,
    admin: Admin,
}

impl Server {
    /// Uses the server of `DATABASE_URL`, or finds (or fetches) Postgres and starts a private one.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let given = env::var("DATABASE_URL").ok().filter(|url| !url.is_empty());
        let private = options.private || options.tls || options.scram || options.port.is_some();
        match given {
            Some(url) if !private && options.settings.is_empty() => Self::existing(&url).await,
            _ => Self::start_private(options).await,
        }
    }

    /// The one server of this process, with default options. Any number of tests may ask for it at once.
    ///
    /// # Panics
    ///
    /// When there is no Postgres to be had; the message says what to install.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Server> = OnceCell::const_new();
        SHARED
            .get_or_init(async || match Self::start(Options::default()).await {
                Ok(server) => server,
                Err(error) => panic!("tests need Postgres: {error}"),
            })
            .await
    }

    async fn existing(url: &str) -> Result<Self, Error> {
        let superuser = parse(url)?;
        let config = config(&superuser)?;
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        let is_superuser: bool = client
            .query_one("SELECT rolsuper FROM pg_roles WHERE rolname = current_user", &[])
            .await?
            .get(0);
        sweep::leftovers(&client).await?;
        let admin = Admin::start(config, vec![sweep::mark()])?;
        let mut owner = superuser.clone();
        // A superuser passes through row-level security, so tests would prove nothing about it.
        if is_superuser {
            admin.run(ensure_owner()).await?;
            let _ = owner.set_username(OWNER);
            let _ = owner.set_password(Some(OWNER_PASSWORD));
        }
        Ok(Self {
            private: None,
            owner,
            superuser,
            admin,
        })
    }

    async fn start_private(options: Options) -> Result<Self, Error> {
        let tls = options.tls;
        let private = Arc::new(blocking(move || Private::launch(&options)).await?);
        let url = |user: &str, password: &str| {
            let query = if tls { "?sslmode=require" } else { "" };
            parse(&format!(
                "postgres://{user}:{password}@127.0.0.1:{}/postgres{query}",
                private.port()
            ))
        };
        let (owner, superuser) = (url(OWNER, OWNER_PASSWORD)?, url(SUPERUSER, SUPERUSER_PASSWORD)?);
        let admin = Admin::start(private.socket_config(SUPERUSER), Vec::new())?;
        admin
            .run(format!("ALTER ROLE {SUPERUSER} PASSWORD '{SUPERUSER_PASSWORD}'"))
            .await?;
        admin.run(ensure_owner()).await?;
        Ok(Self {
            private: Some(private),
            owner,
            superuser,
            admin,
        })
    }

    /// The URL of a database, as its owner.
    pub fn url(&self, database: &str) -> String {
        with_database(&self.owner, database)
    }

    /// The URL of a database, as a superuser (as the role of `DATABASE_URL`, where that is used).
    pub fn superuser_url(&self, database: &str) -> String {
        with_database(&self.superuser, database)
    }

    /// Makes an empty database that belongs to [`OWNER`].
    pub async fn create_database(&self, name: &str) -> Result<(), Error> {
        self.admin
            .run(format!(
                "CREATE DATABASE {} OWNER {}",
                quoted(name),
                self.owner_role()
            ))
            .await
    }

    /// Removes a database, its connections included.
    pub async fn drop_database(&self, name: &str) -> Result<(), Error> {
        self.admin
            .run(format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(name)))
            .await
    }

    /// The authority that signed the certificate, as PEM; `None` without TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.private.as_ref()?.authority()
    }

    /// The TCP port of a private server.
    pub fn port(&self) -> Option<u16> {
        self.private.as_ref().map(|private| private.port())
    }

    /// The directory of a private server's Unix socket, where no password is asked.
    pub fn socket_directory(&self) -> Option<&Path> {
        self.private.as_ref().map(|private| private.directory())
    }

    /// The programs that a private server runs on.
    pub fn binaries(&self) -> Option<&Binaries> {
        self.private.as_ref().map(|private| private.binaries())
    }

    /// What a private server has logged.
    pub fn log(&self) -> String {
        self.private
            .as_ref()
            .map(|private| private.log())
            .unwrap_or_default()
    }

    /// Takes the server away (a fast shutdown: open connections are told and closed).
    pub async fn stop(&self) -> Result<(), Error> {
        self.order("stop").await
    }

    /// Takes the server away as a crash does: nothing is told or flushed.
    pub async fn crash(&self) -> Result<(), Error> {
        self.order("crash").await
    }

    /// Brings a stopped server back on the same port, with the same data.
    pub async fn start_again(&self) -> Result<(), Error> {
        self.order("start").await
    }

    /// Stops and starts.
    pub async fn restart(&self) -> Result<(), Error> {
        self.stop().await?;
        self.start_again().await
    }

    async fn order(&self, command: &'static str) -> Result<(), Error> {
        let private = self.private.as_ref().ok_or(Error::NotOurs(command))?;
        let private = Arc::clone(private);
        blocking(move || private.order(command)).await
    }

    /// Stops a private server and waits until it and its files are gone.
    pub async fn close(self) -> Result<(), Error> {
        let Some(private) = self.private else {
            return Ok(());
        };
        blocking(move || {
            private.finish();
            Ok(())
        })
        .await
    }

    pub(super) fn admin(&self) -> &Admin {
        &self.admin
    }

    pub(super) fn owner_role(&self) -> String {
        quoted(self.owner.username())
    }

    /// How this crate itself connects: over the socket of a private server, which needs neither password nor TLS.
    pub(super) fn config(&self, database: &str, superuser: bool) -> Result<Config, Error> {
        let url = if superuser { &self.superuser } else { &self.owner };
        let mut config = match &self.private {
            Some(private) => private.socket_config(url.username()),
            None => config(url)?,
        };
        config.dbname(database);
        Ok(config)
    }
}

/// Roles belong to the whole server, so another process may make the same one at the same moment.
fn ensure_owner() -> String {
    format!(
        "DO $$ BEGIN
            CREATE ROLE {OWNER} LOGIN CREATEROLE PASSWORD '{OWNER_PASSWORD}';
         EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
         END $$"
    )
}

fn parse(url: &str) -> Result<Url, Error> {
    // The text may hold a password, so it is not repeated.
    Url::parse(url).map_err(|error| Error::Failed(format!("the database URL cannot be read: {error}")))
}

fn config(url: &Url) -> Result<Config, Error> {
    Ok(url.as_str().parse()?)
}

fn with_database(url: &Url, database: &str) -> String {
    let mut url = url.clone();
    url.set_path(database);
    url.into()
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
