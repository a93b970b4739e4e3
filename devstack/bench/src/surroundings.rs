//! Postgres, the carrier and one workspace around the functions that are measured.

use common::config::Settings;
use common::store::DatabaseUrl;
use migrator::Migrator;
use serde_json::Value;
use simulator::{Params, PlatformNumber, Simulator};
use std::error::Error;
use testkit::postgres::{Options, Server};
use testkit::runtime_api::http_event;
use uuid::Uuid;

/// Anything that keeps a run from going on.
pub type Broken = Box<dyn Error>;

/// The workspace's number.
pub const NUMBER: &str = "+14055550123";

/// A customer.
pub const CUSTOMER: &str = "+14155550101";

const PLATFORM_NUMBER: &str = "+14056940235";
const APP_URL: &str = "http://127.0.0.1:9000";
const SMS_PATH: &str = "/api/webhooks/signalwire/sms";
const DATABASE: &str = "bench";

/// A server of its own with one migrated database, which has one workspace with one number.
pub struct Database {
    /// The server.
    pub server: Server,
    /// The workspace.
    pub workspace: Uuid,
}

impl Database {
    /// Starts, migrates and fills it.
    pub async fn start(options: Options) -> Result<Self, Broken> {
        let server = Server::start(Options {
            private: true,
            ..options
        })
        .await?;
        server.create_database(DATABASE).await?;
        let settings = Settings::of(&[
            ("DATABASE_URL", &server.url(DATABASE)),
            ("DATABASE_CA", server.ca_pem().unwrap_or("")),
        ]);
        Migrator::from_settings(&settings)?.run().await?;
        // row-level security binds the owner: only the superuser writes without saying for whom
        let settings = settings.with("DATABASE_URL", &server.superuser_url(DATABASE));
        let url = DatabaseUrl::from_settings(&settings, "DATABASE_URL")?;
        let (client, connection) = url.config().connect(url.tls()).await?;
        tokio::spawn(connection);
        let insert = "insert into workspaces (name, slug, clerk_organization_id, subscription_tier)
                      values ('Acme', 'acme', 'org_1', 'professional') returning id";
        let workspace = client.query_one(insert, &[]).await?.get(0);
        let insert =
            "insert into workspace_phone_numbers (workspace_id, phone_number, phone_number_sid, number_type)
                      values ($1, $2, 'PN1', 'primary')";
        client.execute(insert, &[&workspace, &NUMBER]).await?;
        Ok(Self { server, workspace })
    }

    /// Where it is, and whom to trust.
    pub fn trusted_url(&self) -> Result<DatabaseUrl, Broken> {
        let authority = self.server.ca_pem().unwrap_or("");
        let settings = Settings::of(&[("DATABASE_URL", &self.url()), ("DATABASE_CA", authority)]);
        Ok(DatabaseUrl::from_settings(&settings, "DATABASE_URL")?)
    }

    /// Where it is.
    pub fn url(&self) -> String {
        self.server.url(DATABASE)
    }
}

/// The carrier.
pub struct Carrier {
    /// It.
    pub simulator: Simulator,
}

impl Carrier {
    /// Starts it.
    pub async fn start() -> Result<Self, Broken> {
        let config = simulator::Config {
            platform_numbers: [PLATFORM_NUMBER, NUMBER].map(PlatformNumber::new).into(),
            auto_status: false,
            ..simulator::Config::default()
        };
        Ok(Self {
            simulator: Simulator::start(config).await?,
        })
    }

    /// The environment of a function over this database.
    pub fn environment(&self, database_url: &str, server: &Server) -> Vec<(&'static str, String)> {
        let config = self.simulator.config();
        vec![
            ("DATABASE_URL", database_url.to_owned()),
            ("DATABASE_CA", server.ca_pem().unwrap_or_default().to_owned()),
            ("SIGNALWIRE_PROJECT_ID", config.project_id.clone()),
            ("SIGNALWIRE_TOKEN", config.token.clone()),
            ("SIGNALWIRE_SIGNING_KEY", config.signing_key.clone()),
            ("SIGNALWIRE_SPACE_URL", self.simulator.base_url().to_owned()),
            ("SIGNALWIRE_PHONE_NUMBER", PLATFORM_NUMBER.to_owned()),
            ("APP_URL", APP_URL.to_owned()),
        ]
    }

    /// An inbound SMS, signed.
    pub fn sms(&self, sid: &str) -> Value {
        let fields = self.fields(sid, "Can you come by on Tuesday?");
        let signature = self.simulator.sign_form(&format!("{APP_URL}{SMS_PATH}"), &fields);
        event(&fields, &signature)
    }

    /// The same with a signature of the right length that is not ours.
    pub fn forged_sms(&self, body: &str) -> Value {
        event(&self.fields("SM-forged", body), "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    }

    fn fields(&self, sid: &str, body: &str) -> Params {
        let account = &self.simulator.config().project_id;
        [
            ("MessageSid", sid),
            ("SmsSid", sid),
            ("AccountSid", account),
            ("From", CUSTOMER),
            ("To", NUMBER),
            ("Body", body),
            ("NumMedia", "0"),
            ("NumSegments", "1"),
            ("ApiVersion", "2010-04-01"),
            ("SmsStatus", "received"),
        ]
        .into_iter()
        .fold(Params::default(), |mut fields, (name, value)| {
            fields.push(name, value);
            fields
        })
    }
}

fn event(fields: &Params, signature: &str) -> Value {
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-signalwire-signature", signature),
        ("user-agent", "SignalWire"),
    ];
    let body = fields.encode();
    http_event("POST", SMS_PATH, "", &headers, body.as_bytes())
}

/// Fails unless an answer has this status.
pub fn expect_status(answer: &Value, status: u16) -> Result<(), Broken> {
    if answer["statusCode"] == status {
        Ok(())
    } else {
        Err(format!("{status} was expected: {answer}").into())
    }
}
