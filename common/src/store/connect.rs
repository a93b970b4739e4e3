//! `DATABASE_URL`, and the connections made with it.

use crate::config::{ConfigError, Settings};
use crate::tls;
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use rustls::pki_types::CertificateDer;
use std::time::Duration;
use tokio_postgres::config::{Config, Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

/// The TLS connector of every database connection: certificate and host name are always verified.
pub type Tls = MakeRustlsConnect;

/// Two: a request runs one statement at a time, and a connection that is being replaced may still be closing.
const CONNECTIONS_MAX: usize = 2;

/// A database and how to trust it.
pub struct DatabaseUrl {
    config: Config,
    roots: Vec<CertificateDer<'static>>,
}

impl DatabaseUrl {
    /// Reads a URL setting, and `DATABASE_CA`.
    ///
    /// # Errors
    /// Missing or malformed.
    pub fn from_settings(settings: &Settings, name: &'static str) -> Result<Self, ConfigError> {
        let mut url =
            Self::parse(settings.required(name)?).map_err(|why| ConfigError::malformed(name, why))?;
        if let Some(authority) = settings.optional("DATABASE_CA") {
            url.roots.extend(
                tls::certificates(authority).map_err(|why| ConfigError::malformed("DATABASE_CA", why))?,
            );
        }
        Ok(url)
    }

    /// Takes what libpq and Neon take where the driver's parser does not: `sslmode=verify-full`, `verify-ca` and `sslrootcert`
    /// become `require`, which here verifies all the same; `pgbouncer` is no matter, since no statement is ever named.
    fn parse(text: &str) -> Result<Self, String> {
        let mut roots = Vec::new();
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        if !base.starts_with("postgres://") && !base.starts_with("postgresql://") {
            return Err("a URL like postgres://user:password@host/database is expected".to_owned());
        }
        let mut mode = None;
        let mut kept = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "sslmode" => mode = Some(value),
                "sslrootcert" if value == "system" => {}
                "sslrootcert" => {
                    let path = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
                    roots = tls::certificates(&path).map_err(|why| format!("sslrootcert: {why}"))?;
                }
                "pgbouncer" | "sslnegotiation" | "connection_limit" | "pool_timeout" | "schema" => {}
                _ => kept.push(pair),
            }
        }
        let rebuilt = if kept.is_empty() {
            base.to_owned()
        } else {
            format!("{base}?{}", kept.join("&"))
        };
        // the parser's own words may quote the password
        let mut config: Config = rebuilt
            .parse()
            .map_err(|_| "it cannot be read as a Postgres URL".to_owned())?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err("it names no host".to_owned());
        }
        config.ssl_mode(match mode {
            Some("disable") => SslMode::Disable,
            Some("require" | "verify-ca" | "verify-full") => SslMode::Require,
            Some("prefer" | "allow") => SslMode::Prefer,
            None if is_local(&config) => SslMode::Disable,
            None => SslMode::Prefer,
            Some(_) => {
                return Err(
                    "sslmode is none of disable, allow, prefer, require, verify-ca, verify-full".to_owned(),
                );
            }
        });
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_millis(1500));
        }
        if config.get_application_name().is_none() {
            config.application_name("ringspace");
        }
        Ok(Self { config, roots })
    }

    /// The driver's configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The TLS connector that goes with it.
    pub fn tls(&self) -> Tls {
        MakeRustlsConnect::new(tls::client_config(&self.roots))
    }

    pub(super) fn pool(&self, budget: Duration) -> Pool {
        // `Fast` asks nothing of the server; a connection that died unseen is found out by the statement itself.
        let manager = Manager::from_config(
            self.config.clone(),
            self.tls(),
            ManagerConfig {
                recycling_method: RecyclingMethod::Fast,
            },
        );
        Pool::builder(manager)
            .max_size(CONNECTIONS_MAX)
            .runtime(Runtime::Tokio1)
            .create_timeout(Some((budget / 2).min(Duration::from_secs(5))))
            .wait_timeout(Some(budget))
            .build()
            .expect("a runtime is set, which is all that timeouts need")
    }
}

fn is_local(config: &Config) -> bool {
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> SslMode {
        DatabaseUrl::parse(url)
            .unwrap_or_else(|why| panic!("{url}: {why}"))
            .config
            .get_ssl_mode()
    }

    #[test]
    fn every_spelling_that_verifies() {
        for parameters in [
            "sslmode=require",
            "sslmode=verify-full",
            "sslmode=verify-ca&pgbouncer=true",
            "sslmode=require&channel_binding=require",
            "sslmode=verify-full&sslrootcert=system",
        ] {
            assert_eq!(
                mode(&format!("postgresql://u:p@ep-x.neon.tech/db?{parameters}")),
                SslMode::Require,
                "{parameters}"
            );
        }
        assert_eq!(mode("postgres://u@127.0.0.1/db"), SslMode::Disable);
        assert_eq!(mode("postgres://u@db.example/db"), SslMode::Prefer);
    }

    #[test]
    fn what_cannot_be_used_says_why_and_shows_nothing() {
        for url in [
            "",
            "mysql://u:hunter2@x/db",
            "postgres://u:hunter2@x:port/db",
            "postgres://u:hunter2@x/db?sslmode=maybe",
            "postgres://u:hunter2@x/db?sslrootcert=/nowhere",
            "postgres://u:hunter2@x/db?no_such_option=1",
            "postgres://",
            "postgres:///db",
            "postgres://u:hunter2@/db",
        ] {
            let why = DatabaseUrl::parse(url).err().unwrap_or_else(|| panic!("{url}"));
            assert!(!why.contains("hunter2"), "{why}");
        }
    }
}
