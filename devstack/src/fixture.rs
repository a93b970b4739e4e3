//! A database of its own, a simulated carrier and an issuer of tokens: what a test of one function needs.

use crate::access::{self, Access};
use common::config::Settings;
use lambda_http::{Body, Request, Response};
use migrator::Migrator;
use serde_json::Value;
use simulator::{PlatformNumber, Simulator};
use testkit::identity::Issuer;
use testkit::postgres::TestDatabase;
use testkit::proxy::Proxy;
use tokio_postgres::Client;
use uuid::Uuid;

/// The number that Starter workspaces share.
pub const PLATFORM_NUMBER: &str = "+14056940235";

/// Where the functions are, as the carrier is told. Nothing listens there unless a test says so.
pub const APP_URL: &str = "http://127.0.0.1:9000";

/// The secret that Clerk webhooks are signed with. Its base64 needs no padding: `cargo lambda` reads no value with a `=` in it.
pub const CLERK_SECRET: &str = "whsec_cmluZ3NwYWNlLWxvY2FsLWNsZXJrLXNlY3JldC0w";

/// Runs the migrations on a database.
///
/// # Errors
/// As the function itself.
pub async fn migrate(url: &str) -> Result<(), String> {
    let migrator = Migrator::from_settings(&Settings::of(&[("DATABASE_URL", url)]))
        .map_err(|error| error.to_string())?;
    migrator
        .run()
        .await
        .map(|_| ())
        .map_err(|error| error.to_string())
}

/// See the module.
pub struct Fixture {
    /// The migrated database, this test's alone.
    pub database: TestDatabase,
    /// A connection to it that sees everything.
    pub sql: Client,
    /// The carrier.
    pub simulator: Simulator,
    /// Who signs bearer tokens.
    pub issuer: Issuer,
    /// As whom functions connect.
    pub access: Access,
    /// More settings, or other values of those below.
    pub extra: Vec<(String, String)>,
}

impl Fixture {
    /// Starts everything, with the functions' URLs at [`APP_URL`].
    pub async fn start() -> Self {
        Self::start_with(simulator::Config {
            platform_numbers: vec![PlatformNumber::new(PLATFORM_NUMBER)],
            ..simulator::Config::default()
        })
        .await
    }

    /// The same over a simulator of the test's own making.
    pub async fn start_with(config: simulator::Config) -> Self {
        let database = TestDatabase::create(migrate).await;
        let sql = database.superuser_client().await;
        access::create_logins(&sql)
            .await
            .expect("who made the database may make roles");
        let simulator = Simulator::start(config).await.expect("a loopback port is free");
        Self {
            database,
            sql,
            simulator,
            issuer: Issuer::start().expect("a loopback port is free"),
            access: Access::Functions,
            extra: Vec::new(),
        }
    }

    /// The same for the tests of one function, which has no more rights than in production.
    pub async fn of(function: &str) -> Self {
        Self {
            access: Access::of(function),
            ..Self::start().await
        }
    }

    /// The database's URL as functions get it.
    pub fn database_url(&self) -> String {
        self.access.url(self.database.url())
    }

    /// The environment of a function.
    pub fn environment(&self) -> Vec<(String, String)> {
        let config = self.simulator.config();
        let mut pairs: Vec<(String, String)> = [
            ("DATABASE_URL", self.database_url().as_str()),
            ("MIGRATION_DATABASE_URL", self.database.url()),
            ("SIGNALWIRE_PROJECT_ID", &config.project_id),
            ("SIGNALWIRE_TOKEN", &config.token),
            ("SIGNALWIRE_SIGNING_KEY", &config.signing_key),
            ("SIGNALWIRE_SPACE_URL", self.simulator.base_url()),
            ("SIGNALWIRE_PHONE_NUMBER", PLATFORM_NUMBER),
            ("APP_URL", APP_URL),
            ("AUTH_ISSUER", &self.issuer.url()),
            ("AUTH_JWKS_URL", &self.issuer.jwks_url()),
            ("CLERK_WEBHOOK_SECRET", CLERK_SECRET),
            (
                "PROVISIONING_QUEUE_URL",
                "http://127.0.0.1:9324/000000000000/provisioning",
            ),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        for (name, value) in &self.extra {
            pairs.retain(|(known, _)| known != name);
            pairs.push((name.clone(), value.clone()));
        }
        pairs
    }

    /// The same as settings.
    pub fn settings(&self) -> Settings {
        let pairs = self.environment();
        Settings::of(
            &pairs
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect::<Vec<_>>(),
        )
    }

    /// Sets one more setting, or another value.
    pub fn set(&mut self, name: &str, value: &str) {
        self.extra.retain(|(known, _)| known != name);
        self.extra.push((name.to_owned(), value.to_owned()));
    }

    /// Puts a proxy between the functions and Postgres, from the next start on.
    pub fn put_proxy(&mut self) -> Proxy {
        let proxy = Proxy::start(&self.database_url()).expect("a loopback port is free");
        self.set("DATABASE_URL", &proxy.url(&self.database_url()));
        proxy
    }

    /// A workspace of that tier, owned by that Clerk organization.
    pub async fn workspace(&self, name: &str, tier: &str, owner: &str) -> Uuid {
        let insert = "insert into workspaces (name, slug, clerk_organization_id, subscription_tier)
                      values ($1, $2, $2, $3) returning id";
        self.sql
            .query_one(insert, &[&name, &owner, &tier])
            .await
            .expect("the workspace is new")
            .get(0)
    }

    /// An active number of a workspace; also owned at the carrier.
    pub async fn number(&self, workspace: Uuid, phone_number: &str, number_type: &str) -> Uuid {
        let sid = self.simulator.add_number(&PlatformNumber::new(phone_number));
        let insert =
            "insert into workspace_phone_numbers (workspace_id, phone_number, phone_number_sid, number_type)
                      values ($1, $2, $3, $4) returning id";
        let row = self
            .sql
            .query_one(insert, &[&workspace, &phone_number, &sid, &number_type])
            .await;
        row.expect("the number is new").get(0)
    }

    /// A signed webhook of the carrier, as the functions get it.
    pub fn webhook(&self, path: &str, fields: &[(&str, &str)]) -> Request {
        self.webhook_with_query(path, "", fields)
    }

    /// The same with a raw query.
    pub fn webhook_with_query(&self, path: &str, query: &str, fields: &[(&str, &str)]) -> Request {
        request(self.webhook_event(path, query, fields))
    }

    /// The same as an event.
    pub fn webhook_event(&self, path: &str, query: &str, fields: &[(&str, &str)]) -> Value {
        let mark = if query.is_empty() { "" } else { "?" };
        let url = format!("{APP_URL}{path}{mark}{query}");
        let params: simulator::Params = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let signature = self.simulator.sign_form(&url, &params);
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-signalwire-signature", signature.as_str()),
            ("user-agent", "SignalWire"),
        ];
        let body = form(fields);
        testkit::runtime_api::http_event("POST", path, query, &headers, body.as_bytes())
    }

    /// Runs the test's own SQL.
    pub async fn execute(&self, sql: &str) {
        self.sql
            .batch_execute(sql)
            .await
            .expect("the test's own SQL is right");
    }

    /// All rows of some tables, to compare before and after a repeat.
    pub async fn tables(&self, names: &[&str]) -> Vec<Value> {
        let mut rows = Vec::new();
        for name in names {
            rows.extend(self.rows(&format!("{name} order by 1")).await);
        }
        rows
    }

    /// How many rows a table or condition has: `count("conversations where is_unread")`.
    pub async fn count(&self, from: &str) -> i64 {
        let row = self
            .sql
            .query_one(&format!("select count(*) from {from}"), &[])
            .await;
        row.expect("the test's own SQL is right").get(0)
    }

    /// A row as JSON: `row("conversation_messages where external_id = 'SM1'")`; panics when there is not exactly one.
    pub async fn row(&self, from: &str) -> Value {
        let mut rows = self.rows(from).await;
        assert_eq!(rows.len(), 1, "rows of {from}");
        rows.remove(0)
    }

    /// Rows as JSON.
    pub async fn rows(&self, from: &str) -> Vec<Value> {
        let rows = self
            .sql
            .query(&format!("select to_jsonb(t) from (select * from {from}) t"), &[])
            .await;
        rows.expect("the test's own SQL is right")
            .iter()
            .map(|row| row.get(0))
            .collect()
    }
}

/// The request of an event.
pub fn request(event: Value) -> Request {
    common::http::request_from_event(event).expect("it is an API Gateway event")
}

/// Fields as a form body.
pub fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

/// An answer's body.
pub fn text(response: &Response<Body>) -> &str {
    match response.body() {
        Body::Text(text) => text,
        _ => "",
    }
}

/// An answer's body as JSON.
pub fn json(response: &Response<Body>) -> Value {
    serde_json::from_str(text(response)).unwrap_or_else(|_| panic!("no JSON: {}", text(response)))
}
