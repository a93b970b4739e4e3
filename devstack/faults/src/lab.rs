//! One laboratory: a database behind a proxy, the carrier, a queue behind a proxy, and functions as processes.

use crate::Broken;
use crate::programs::Programs;
use devstack::fixture::{Fixture, PLATFORM_NUMBER};
use serde_json::{Value, json};
use simulator::PlatformNumber;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use testkit::aws::Aws;
use testkit::identity::Claims;
use testkit::proxy::Proxy;
use testkit::runtime_api::{Function, Options, http_event, sqs_event};
use uuid::Uuid;

/// Where inbound messages go.
pub const SMS: &str = "/api/webhooks/signalwire/sms";
/// Where status callbacks go.
pub const STATUS: &str = "/api/webhooks/signalwire/status";
/// Where calls go.
pub const VOICE: &str = "/api/webhooks/signalwire/voice";
/// The number of the laboratory's workspace.
pub const NUMBER: &str = "+14055550123";
/// Its customer.
pub const CUSTOMER: &str = "+14155551234";
/// The Clerk organization that owns the workspace.
pub const OWNER: &str = "org_lab";

/// An answer and how long it took.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status; 0 when the function did not answer.
    pub status: u16,
    /// The body.
    pub body: String,
    /// From the event to the answer.
    pub took: Duration,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

/// See the module.
pub struct Lab<'a> {
    /// The database, the carrier, the issuer.
    pub fixture: Fixture,
    /// The way of the functions to Postgres.
    pub database: Proxy,
    /// The way of the webhook functions to AWS.
    pub aws_proxy: Proxy,
    /// AWS.
    pub aws: &'static Aws,
    /// The spool queue.
    pub spool: String,
    /// A Professional workspace with [`NUMBER`].
    pub workspace: Uuid,
    programs: &'a Programs,
    authorization: String,
}

/// How a function reaches the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Through the proxies, which may be broken.
    Proxied,
    /// Directly.
    Direct,
}

impl<'a> Lab<'a> {
    /// Opens one with a carrier that reports nothing by itself.
    pub async fn open(programs: &'a Programs) -> Result<Self, Broken> {
        Self::open_with(programs, carrier_config()).await
    }

    /// The same over another carrier.
    pub async fn open_with(programs: &'a Programs, config: simulator::Config) -> Result<Self, Broken> {
        Self::over(programs, Fixture::start_with(config).await).await
    }

    /// The same over a fixture of the suite's own.
    pub async fn over(programs: &'a Programs, mut fixture: Fixture) -> Result<Self, Broken> {
        let aws = Aws::shared().await;
        let database = Proxy::start(fixture.database.url())?;
        let aws_proxy = Proxy::start(&format!("127.0.0.1:{}", aws.port()))?;
        let spool = aws
            .create_queue(&format!("spool-{}", Uuid::new_v4().simple()))
            .await?;
        fixture.set("SPOOL_QUEUE_URL", &spool);
        for (name, value) in aws.env() {
            fixture.set(name, &value);
        }
        let workspace = fixture.workspace("Acme", "professional", OWNER).await;
        fixture.number(workspace, NUMBER, "primary").await;
        // what is measured here are failures; a workspace sends thousands of messages in minutes
        let lift = "update tier_limits set messages_per_second = 1000000, messages_per_minute = 1000000,
                    messages_per_day = 1000000, spend_cents_per_day = 1000000, loop_messages = 1000000";
        fixture.sql.execute(lift, &[]).await?;
        let token = fixture
            .issuer
            .token(&Claims::of("user_1").organization(OWNER, "member", "acme"));
        let authorization = format!("Bearer {token}");
        Ok(Self {
            fixture,
            database,
            aws_proxy,
            aws,
            spool,
            workspace,
            programs,
            authorization,
        })
    }

    /// The environment of a function.
    pub fn environment(&self, way: Way) -> Vec<(String, String)> {
        let mut pairs = self.fixture.environment();
        if way == Way::Proxied {
            for (name, value) in &mut pairs {
                match name.as_str() {
                    "DATABASE_URL" => *value = self.database.url(value),
                    "AWS_ENDPOINT_URL" => *value = format!("http://127.0.0.1:{}", self.aws_proxy.port()),
                    _ => {}
                }
            }
        }
        pairs
    }

    /// Starts a function.
    pub async fn start(&self, function: &str, way: Way) -> Result<Function, Broken> {
        self.start_with(function, self.environment(way)).await
    }

    /// Starts a function with an environment.
    pub async fn start_with(
        &self,
        function: &str,
        environment: Vec<(String, String)>,
    ) -> Result<Function, Broken> {
        let options = Options {
            timeout: Duration::from_secs(120),
            ..Options::default()
        };
        let started = Function::spawn_with(self.programs.path(function), environment, options)?;
        started.ready().await?;
        Ok(started)
    }

    /// The event of an inbound SMS.
    pub fn message(&self, sid: &str, body: &str) -> Value {
        self.message_from(CUSTOMER, sid, body)
    }

    /// The event of an inbound SMS of some customer.
    pub fn message_from(&self, customer: &str, sid: &str, body: &str) -> Value {
        self.fixture.webhook_event(
            SMS,
            "",
            &[
                ("MessageSid", sid),
                ("From", customer),
                ("To", NUMBER),
                ("Body", body),
            ],
        )
    }

    /// The event of the same message at the fallback URL.
    pub fn message_at_fallback(&self, sid: &str, body: &str) -> Value {
        let fields = [
            ("MessageSid", sid),
            ("From", CUSTOMER),
            ("To", NUMBER),
            ("Body", body),
        ];
        self.fixture
            .webhook_event("/api/webhooks/signalwire/fallback/sms", "", &fields)
    }

    /// The event of a status report.
    pub fn report(&self, sid: &str, status: &str) -> Value {
        self.fixture
            .webhook_event(STATUS, "", &[("MessageSid", sid), ("MessageStatus", status)])
    }

    /// The event of a send.
    pub fn send(&self, to: &str, body: &str, key: &str) -> Value {
        let body =
            json!({ "channel": "sms", "to": to, "body": body, "workspaceId": self.workspace }).to_string();
        let headers = [
            ("content-type", "application/json"),
            ("authorization", self.authorization.as_str()),
            ("idempotency-key", key),
        ];
        http_event("POST", "/api/communications", "", &headers, body.as_bytes())
    }

    /// An outbound message as a send leaves it; without SID as one whose answer has not come.
    pub async fn outbound(&self, sid: Option<&str>, channel: &str) -> Result<Uuid, Broken> {
        let insert = "with thread as (
                insert into conversations (workspace_id, channel, business_phone, customer_phone) values ($1, $5, $2, $3)
                on conflict (workspace_id, business_phone, customer_phone, channel) do update set updated_at = now() returning id)
            insert into conversation_messages
                (workspace_id, conversation_id, direction, body, sender_phone, recipient_phone, external_id, status)
            select $1, id, 'outbound', 'x', $2, $3, $4, 'queued' from thread returning id";
        let row = self
            .fixture
            .sql
            .query_one(insert, &[&self.workspace, &NUMBER, &CUSTOMER, &sid, &channel])
            .await?;
        Ok(row.get(0))
    }

    /// Everything in the spool, taken out.
    pub async fn drain(&self) -> Result<Vec<String>, Broken> {
        let mut bodies = Vec::new();
        loop {
            let messages = self.aws.receive(&self.spool).await?;
            if messages.is_empty() {
                return Ok(bodies);
            }
            for message in messages {
                self.aws.delete(&self.spool, &message.receipt).await?;
                bodies.push(message.body);
            }
        }
    }

    /// Hands bodies to a spool-replay, in batches of ten; gives those that have to come again.
    pub async fn replay(&self, function: &Function, bodies: Vec<String>) -> Result<Vec<String>, Broken> {
        let mut again = Vec::new();
        for batch in bodies.chunks(10) {
            let ids: Vec<String> = (0..batch.len())
                .map(|at| format!("r{at}-{}", Uuid::new_v4()))
                .collect();
            let records: Vec<(&str, &str)> = ids
                .iter()
                .map(String::as_str)
                .zip(batch.iter().map(String::as_str))
                .collect();
            let failed = invoke_batch(function, sqs_event(&records)).await?;
            again.extend(
                ids.iter()
                    .zip(batch)
                    .filter(|(id, _)| failed.contains(id))
                    .map(|(_, body)| body.clone()),
            );
        }
        Ok(again)
    }

    /// Ends all leases: whoever held them is dead. Production waits 120 s for the same.
    pub async fn end_leases(&self) -> Result<(), Broken> {
        let expire = "update provisioning_orders set leased_until = now() - interval '1 second' where leased_until > now()";
        self.fixture.sql.execute(expire, &[]).await?;
        Ok(())
    }
}

/// The carrier as the laboratory wants it: it reports nothing by itself.
pub fn carrier_config() -> simulator::Config {
    simulator::Config {
        platform_numbers: vec![PlatformNumber::new(PLATFORM_NUMBER)],
        auto_status: false,
        callback_delay: Duration::from_millis(1),
        ..simulator::Config::default()
    }
}

/// Sends an HTTP event.
pub async fn ask(function: &Function, event: Value) -> Answer {
    let asked = Instant::now();
    let (status, body) = match function.invoke(event).await {
        Ok(answer) => (
            answer["statusCode"]
                .as_u64()
                .and_then(|status| u16::try_from(status).ok())
                .unwrap_or(0),
            answer["body"].as_str().unwrap_or_default().to_owned(),
        ),
        Err(error) => (0, error.to_string()),
    };
    Answer {
        status,
        body,
        took: asked.elapsed(),
    }
}

/// Sends an SQS event; gives the ids that have to come again.
pub async fn invoke_batch(function: &Function, event: Value) -> Result<Vec<String>, Broken> {
    let answer = function.invoke(event).await?;
    let failures = answer["batchItemFailures"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    Ok(failures
        .iter()
        .filter_map(|failure| failure["itemIdentifier"].as_str().map(str::to_owned))
        .collect())
}

/// SIDs of equal length that no two cases share.
pub fn sid(prefix: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{prefix}{:010}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A customer of its own for each case.
pub fn customer() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("+1415{:07}", 2_000_000 + NEXT.fetch_add(1, Ordering::Relaxed))
}
