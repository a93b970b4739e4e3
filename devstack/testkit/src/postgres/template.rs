//! A database per test, copied from one that was migrated once.

use std::fmt::Display;

use tokio::sync::OnceCell;
use tokio_postgres::{Client, Config, NoTls};

use super::admin::Admin;
use super::server::{Server, quoted};
use super::sweep;
use crate::Error;
use crate::ports::random;

/// A migrated database that nobody connects to any more, to be copied.
///
/// A copy has everything inside the database. What the server keeps about a database (`ALTER DATABASE … SET`,
/// `GRANT … ON DATABASE`) is not copied, and roles are shared by all databases of a server.
#[derive(Debug)]
pub struct Template {
    server: &'static Server,
    name: String,
}

impl Template {
    /// Makes a database, lets `migrate` fill it and closes it.
    pub async fn prepare<E: Display>(
        server: &'static Server,
        migrate: impl AsyncFn(&str) -> Result<(), E>,
    ) -> Result<Self, Error> {
        let name = unique("template");
        server.create_database(&name).await?;
        if let Err(error) = migrate(&server.url(&name)).await {
            server.admin().run_later(drop_statement(&name));
            return Err(Error::Failed(format!("the migration failed: {error}")));
        }
        let admin = server.admin();
        // Connections that the migration left open would keep the database from being copied.
        admin
            .run(format!(
                "ALTER DATABASE {} ALLOW_CONNECTIONS false",
                quoted(&name)
            ))
            .await?;
        admin
            .run(format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            ))
            .await?;
        Ok(Self { server, name })
    }

    /// A new copy.
    pub async fn database(&self) -> Result<TestDatabase, Error> {
        let name = unique("test");
        let server = self.server;
        let owner = server.owner_role();
        let copy = format!(
            "CREATE DATABASE {} TEMPLATE {} OWNER {owner}",
            quoted(&name),
            quoted(&self.name)
        );
        server.admin().run(copy).await?;
        Ok(TestDatabase {
            url: server.url(&name),
            superuser_url: server.superuser_url(&name),
            config: server.config(&name, false)?,
            superuser_config: server.config(&name, true)?,
            admin: server.admin().clone(),
            name,
        })
    }
}

/// One test's own database, dropped (best effort) with this value.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    url: String,
    superuser_url: String,
    config: Config,
    superuser_config: Config,
    admin: Admin,
}

impl TestDatabase {
    /// A migrated database on the process's shared server.
    ///
    /// The first call's `migrate` runs, once per process; every other call copies what it made. Tests that need two
    /// different schemas in one process use [`Template`].
    ///
    /// # Panics
    ///
    /// When there is no Postgres, or the migration fails.
    pub async fn create<E: Display>(migrate: impl AsyncFn(&str) -> Result<(), E>) -> Self {
        static TEMPLATE: OnceCell<Template> = OnceCell::const_new();
        let server = Server::shared().await;
        let made = async {
            let template = TEMPLATE
                .get_or_try_init(|| Template::prepare(server, migrate))
                .await?;
            template.database().await
        };
        match made.await {
            Ok(database) => database,
            Err(error) => panic!("no test database: {error}"),
        }
    }

    /// Its URL, as its owner.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its URL, as a superuser, for whom row-level security does not count.
    pub fn superuser_url(&self) -> &str {
        &self.superuser_url
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A connection as its owner, driven by a task of the current runtime.
    ///
    /// # Panics
    ///
    /// When the server is not there.
    pub async fn client(&self) -> Client {
        self.connect(&self.config).await
    }

    /// A connection as a superuser, driven by a task of the current runtime.
    ///
    /// # Panics
    ///
    /// When the server is not there.
    pub async fn superuser_client(&self) -> Client {
        self.connect(&self.superuser_config).await
    }

    async fn connect(&self, config: &Config) -> Client {
        match config.connect(NoTls).await {
            Ok((client, connection)) => {
                tokio::spawn(connection);
                client
            }
            Err(error) => panic!("cannot connect to the test database {}: {error}", self.name),
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        self.admin.run_later(drop_statement(&self.name));
    }
}

fn drop_statement(name: &str) -> String {
    format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(name))
}

fn unique(kind: &str) -> String {
    format!(
        "testkit_{:08x}_{kind}_{:012x}",
        sweep::run_id(),
        random() & 0xffff_ffff_ffff
    )
}
