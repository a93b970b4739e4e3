//! The stack's database: found, fetched, made, migrated, and removed at the end.

use std::process;
use std::time::{Duration, Instant};

use common::config::Settings;
use migrator::Migrator;
use testkit::postgres::{self, Server};
use testkit::proxy::Proxy;
use tokio_postgres::{Client, NoTls};

use super::error::Error;
use super::options::{Database, Options};

/// How often somebody who waits hears that it goes on.
const STILL: Duration = Duration::from_secs(5);

/// A migrated database.
pub(super) struct Prepared {
    /// As the functions connect: through the proxy.
    pub(super) url: String,
    pub(super) inspection_url: String,
    /// The functions' way to the server, which can be closed.
    way: Proxy,
    /// The server and the database's name, where both are the stack's own.
    own: Option<(Server, String)>,
}

impl Prepared {
    pub(super) async fn start(options: &Options) -> Result<Self, Error> {
        let prepared = match &options.database {
            Database::Given { url, inspection_url } => Self::behind(url, inspection_url.clone(), None)?,
            Database::Own => Self::own(options).await?,
        };
        let settings = Settings::of(&[("DATABASE_URL", &prepared.url)]);
        let migrator = Migrator::from_settings(&settings).map_err(|e| Error::Migration(e.to_string()))?;
        let began = Instant::now();
        let report = patiently(options, "running the migrations", migrator.run()).await;
        let report = report.map_err(|e| Error::Migration(e.to_string()))?;
        let applied = report["applied"].as_array().map_or(0, Vec::len);
        options.say(&format!(
            "Migrations: {applied} run, the schema is at version {} ({})",
            report["version"],
            took(began)
        ));
        Ok(prepared)
    }

    async fn own(options: &Options) -> Result<Self, Error> {
        let began = Instant::now();
        options.say("Postgres: looking for one; where none is installed, the first start downloads it");
        let wanted = postgres::Options {
            durable: true,
            ..postgres::Options::default()
        };
        let server = patiently(options, "getting Postgres ready", Server::start(wanted)).await?;
        let ready = match server.binaries() {
            Some(found) => format!("{} from {}", found.version, found.directory.display()),
            None => "the server of DATABASE_URL".to_owned(),
        };
        let name = match server.port() {
            Some(_) => "ringspace".to_owned(),
            None => format!("ringspace_dev_{}", process::id()),
        };
        server.create_database(&name).await?;
        let port = server
            .port()
            .map_or_else(String::new, |port| format!(", on port {port}"));
        options.say(&format!("Postgres: {ready}{port} ({})", took(began)));
        Self::behind(
            &server.url(&name),
            server.superuser_url(&name),
            Some((server, name)),
        )
    }

    fn behind(url: &str, inspection_url: String, own: Option<(Server, String)>) -> Result<Self, Error> {
        let way = Proxy::start(url)?;
        Ok(Self {
            url: way.url(url),
            inspection_url,
            way,
            own,
        })
    }

    /// For the functions Postgres goes away, with every connection, or comes back.
    pub(super) async fn away(&self, away: bool) -> Result<(), Error> {
        self.way.refuse(away).await?;
        if away {
            self.way.reset_all();
        }
        Ok(())
    }

    /// A connection that sees every row.
    pub(super) async fn inspect(&self) -> Result<Client, Error> {
        let (client, connection) = tokio_postgres::connect(&self.inspection_url, NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    pub(super) async fn close(self) -> Result<(), Error> {
        let Some((server, name)) = self.own else {
            return Ok(());
        };
        match server.port() {
            None => server.drop_database(&name).await?,
            // Its files are removed in a moment: nothing needs to be written to them any more.
            Some(_) => {
                let _ = server.crash().await;
            }
        }
        Ok(server.close().await?)
    }
}

/// Waits, and says so every few seconds.
async fn patiently<T>(options: &Options, what: &str, work: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let mut work = std::pin::pin!(work);
    loop {
        match tokio::time::timeout(STILL, &mut work).await {
            Ok(done) => return done,
            Err(_) => options.say(&format!(
                "  … still {what}, {} s so far",
                began.elapsed().as_secs()
            )),
        }
    }
}

fn took(began: Instant) -> String {
    format!("{:.1} s", began.elapsed().as_secs_f64())
}
