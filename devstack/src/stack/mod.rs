//! All functions in one process, between a gateway, a queue and a simulated carrier.
//!
//! Every request passes through the event that API Gateway would make of it, every queue message through the SDK's protocol: what
//! runs here is what a deployment runs. `webhook-fallback` and `console` have no route yet.

mod database;
mod error;
mod functions;
mod gateway;
mod listen;
mod options;
mod queue;

pub use error::Error;
pub use options::{Database, Observer, Options, Ports, Signatures};
pub use queue::{DeadLetter, RECEIVES_MAX};

use std::net::SocketAddr;

use common::config::Settings;
use serde_json::Value;
use simulator::{PlatformNumber, Simulator};
use testkit::identity::{Claims, Issuer};
use tokio::task::AbortHandle;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::fixture::{CLERK_SECRET, PLATFORM_NUMBER};
use database::Prepared;
use functions::{Functions, Shared};
use listen::Listener;
use queue::Queue;

/// Where everything is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Urls {
    /// The gateway, and so `APP_URL`.
    pub gateway: String,
    /// The carrier's REST API; its control API is below `/_sim/`.
    pub simulator: String,
    /// The queue's endpoint; `/_queue` shows what waits.
    pub queue: String,
    /// The issuer of bearer tokens.
    pub issuer: String,
    /// Postgres, as the functions connect.
    pub database: String,
    /// Postgres, as somebody connects who may see every row.
    pub inspection: String,
}

/// A running stack.
pub struct Stack {
    urls: Urls,
    environment: Vec<(String, String)>,
    database: Prepared,
    simulator: Simulator,
    issuer: Issuer,
    shared: std::sync::Arc<Shared>,
    queue: Queue,
    gateway: AbortHandle,
}

impl Stack {
    /// Starts everything; returns when all of it answers.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn start(options: Options) -> Result<Self, Error> {
        // Ports first: what fails should fail before Postgres is fetched.
        let gateway = Listener::bind(options.ports.gateway, "the gateway").await?;
        let queue = Listener::bind(options.ports.queue, "the queue").await?;
        let issuer = issuer(options.ports.issuer)?;
        let simulator = carrier(&options, &gateway.url()).await?;
        let database = Prepared::start(&options).await?;

        let urls = Urls {
            gateway: gateway.url(),
            simulator: simulator.base_url().to_owned(),
            queue: queue.url(),
            issuer: issuer.url(),
            database: database.url.clone(),
            inspection: database.inspection_url.clone(),
        };
        let environment = environment(&urls, &simulator, &issuer);
        let functions = Functions::start(&settings(&environment, options.signatures)).await?;
        let shared = Shared::new(functions);
        let queue = Queue::start(
            queue,
            shared.clone(),
            options.deliver_twice,
            options.redelivery_delay,
        );
        let gateway = gateway.serve(gateway::router(shared.clone()));
        options.say("Functions, gateway, queue and carrier are up");
        Ok(Self {
            urls,
            environment,
            database,
            simulator,
            issuer,
            shared,
            queue,
            gateway,
        })
    }

    /// Where everything is.
    pub fn urls(&self) -> &Urls {
        &self.urls
    }

    /// The functions' settings, but for `WEBHOOK_SIGNATURES`.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// The functions' settings.
    pub fn settings(&self, signatures: Signatures) -> Settings {
        settings(&self.environment, signatures)
    }

    /// The carrier.
    pub fn simulator(&self) -> &Simulator {
        &self.simulator
    }

    /// A bearer token that says this.
    pub fn token(&self, claims: &Claims) -> String {
        self.issuer.token(claims)
    }

    /// A new connection that sees every row.
    ///
    /// # Errors
    /// As the database.
    pub async fn inspect(&self) -> Result<Client, Error> {
        self.database.inspect().await
    }

    /// Starts the functions anew; requests under way end as they began.
    ///
    /// # Errors
    /// A setting, by function and name.
    pub async fn set_signatures(&self, signatures: Signatures) -> Result<(), Error> {
        let functions = Functions::start(&self.settings(signatures)).await?;
        self.shared.replace(functions);
        Ok(())
    }

    /// Every request and every delivery is told as a line from now on; `None` ends it.
    pub fn observe(&self, observer: Option<Observer>) {
        self.shared.observe(observer);
    }

    /// Puts an event straight onto the provisioning queue; gives the message's id.
    pub fn put_event(&self, event: &Value) -> String {
        self.queue.put(&event.to_string())
    }

    /// What the queue has given up.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.queue.dead_letters()
    }

    /// Gives a workspace a number that the project has owned for long; gives the row's id.
    ///
    /// # Errors
    /// When somebody has it already.
    pub async fn lend_number(&self, workspace: Uuid, phone_number: &str) -> Result<Uuid, Error> {
        let hooked = hooked(&self.urls.gateway, phone_number);
        let sid = self.simulator.add_number(&hooked);
        let insert = "insert into workspace_phone_numbers (workspace_id, phone_number, phone_number_sid, friendly_name,
                          voice_url, sms_url, status_callback_url, number_type)
                      values ($1, $2, $3, 'lent for curl', $4, $5, $6, 'custom') returning id";
        let (voice, sms, status) = (&hooked.voice_url, &hooked.sms_url, &hooked.status_callback);
        let row = self
            .inspect()
            .await?
            .query_one(insert, &[&workspace, &phone_number, &sid, voice, sms, status])
            .await?;
        Ok(row.get(0))
    }

    /// Waits until nothing is under way: the queue is empty and the carrier has made every call and callback.
    pub async fn settle(&self) {
        loop {
            self.queue.idle().await;
            self.simulator.settle().await;
            if self.queue.is_idle() {
                return;
            }
        }
    }

    /// Ends everything; a database of its own goes with it.
    ///
    /// # Errors
    /// When Postgres does not end.
    pub async fn shutdown(self) -> Result<(), Error> {
        self.simulator.shutdown().await;
        self.gateway.abort();
        drop(self.queue);
        drop(self.issuer);
        self.database.close().await
    }
}

fn issuer(port: u16) -> Result<Issuer, Error> {
    Issuer::start_at(port).map_err(|error| match error {
        testkit::Error::Io { source, .. } => Error::listen(port, "the issuer of tokens", source),
        other => other.into(),
    })
}

async fn carrier(options: &Options, app_url: &str) -> Result<Simulator, Error> {
    let port = options.ports.simulator;
    let config = simulator::Config {
        bind: SocketAddr::from(([127, 0, 0, 1], port)),
        platform_numbers: vec![hooked(app_url, PLATFORM_NUMBER)],
        deliver_twice: options.deliver_twice,
        ..simulator::Config::default()
    };
    Simulator::start(config)
        .await
        .map_err(|source| Error::listen(port, "the simulated carrier", source))
}

/// A number whose webhooks come to us.
fn hooked(app_url: &str, phone_number: &str) -> PlatformNumber {
    let hook = |tail: &str| Some(format!("{app_url}/api/webhooks/signalwire/{tail}"));
    PlatformNumber {
        sms_url: hook("sms"),
        sms_fallback_url: hook("fallback/sms"),
        voice_url: hook("voice"),
        voice_fallback_url: hook("fallback/voice"),
        status_callback: hook("status"),
        whatsapp_url: hook("whatsapp"),
        ..PlatformNumber::new(phone_number)
    }
}

/// Spec §2, as far as a function here reads it.
fn environment(urls: &Urls, simulator: &Simulator, issuer: &Issuer) -> Vec<(String, String)> {
    let config = simulator.config();
    [
        ("APP_URL", urls.gateway.clone()),
        ("DATABASE_URL", urls.database.clone()),
        ("SIGNALWIRE_PROJECT_ID", config.project_id.clone()),
        ("SIGNALWIRE_TOKEN", config.token.clone()),
        ("SIGNALWIRE_SIGNING_KEY", config.signing_key.clone()),
        ("SIGNALWIRE_SPACE_URL", urls.simulator.clone()),
        ("SIGNALWIRE_PHONE_NUMBER", PLATFORM_NUMBER.to_owned()),
        ("PROVISIONING_QUEUE_URL", queue::url(&urls.queue)),
        ("AWS_ENDPOINT_URL", urls.queue.clone()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("CLERK_WEBHOOK_SECRET", CLERK_SECRET.to_owned()),
        ("AUTH_ISSUER", urls.issuer.clone()),
        ("AUTH_JWKS_URL", issuer.jwks_url()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

fn settings(environment: &[(String, String)], signatures: Signatures) -> Settings {
    let mut pairs: Vec<(&str, &str)> = environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    pairs.push(("WEBHOOK_SIGNATURES", signatures.as_str()));
    Settings::of(&pairs)
}
