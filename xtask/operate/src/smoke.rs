//! `smoke`: the deployment guide's three tests, against a running stack: a Pro workspace gets its number, sends from it, and hears
//! back. The stack is used as Clerk, an application and the carrier use it; the database is only read, but for an API key that
//! is ended afterwards.

use crate::arguments::Arguments;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use common::caller::SecretKey;
use common::config::Settings;
use common::domain::Scope;
use common::store::{DatabaseUrl, NewApiKey, Store};
use common::webhook::urls::{AppUrl, is_loopback};
use futures_util::FutureExt;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha1::Sha1;
use standardwebhooks::Webhook;
use std::fmt::Write;
use std::time::Duration;
use tokio_postgres::Client;
use uuid::Uuid;

const USAGE: &str = "smoke URL|STACK [--to NUMBER] [--workspace ID] [--buy] [--env-file PATH]";

/// How long a purchase may take, queue and carrier included.
const PURCHASE_SECONDS_MAX: u64 = 120;

/// How often the database is looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Runs the command.
///
/// # Errors
/// What was done, and what did not hold.
pub async fn run(environment: &Settings, arguments: &[&str]) -> Result<String, String> {
    let arguments = Arguments::read(arguments, &["to", "workspace", "env-file", "stack"], &["buy"])?;
    let [target] = arguments
        .words(["URL|STACK"])
        .map_err(|_| format!("usage: {USAGE}"))?;
    let is_url = target.contains("://");
    let mut words = Vec::new();
    if let Some(path) = arguments.option("env-file") {
        words.extend(["--env-file", path]);
    } else if !is_url {
        words.extend(["--stack", target]);
    }
    let given = Arguments::read(&words, &["env-file", "stack"], &[])?;
    let settings = crate::given::settings(environment, &given).await?;
    let base = if is_url {
        target.trim_end_matches('/').to_owned()
    } else {
        settings
            .required("APP_URL")
            .map_err(|error| error.to_string())?
            .to_owned()
    };
    let is_local = url::Url::parse(&base).is_ok_and(|url| is_loopback(&url));
    let to = match arguments.option("to") {
        Some(number) => number,
        None if is_local => "+14155551234",
        None => return Err("say --to NUMBER: a telephone that may get a message".to_owned()),
    };
    let workspace = arguments.workspace()?;
    if workspace.is_none() && !is_local && !arguments.flag("buy") {
        return Err("test 1 buys a number (1 USD a month, kept at least 14 days): say --buy, or --workspace ID to skip it".to_owned());
    }
    let mut smoke = Smoke::new(settings, base, to.to_owned()).await?;
    let outcome = smoke.play(workspace).await;
    let ended = smoke.tidy().await;
    let report = std::mem::take(&mut smoke.report);
    match outcome.and(ended) {
        Ok(()) => Ok(format!("{report}all three hold\n")),
        Err(why) => Err(format!("a test does not hold\n{report}FAILED  {why}")),
    }
}

struct Smoke {
    settings: Settings,
    base: String,
    to: String,
    http: reqwest::Client,
    sql: Client,
    store: Store,
    report: String,
    created: Option<String>,
    key: Option<Uuid>,
}

/// What a request was answered.
struct Answer {
    status: u16,
    text: String,
}

impl Smoke {
    async fn new(settings: Settings, base: String, to: String) -> Result<Self, String> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(common::tls::client_config(&[]))
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            .build()
            .map_err(|error| error.to_string())?;
        let url = DatabaseUrl::from_settings(&settings, "DATABASE_URL").map_err(|error| error.to_string())?;
        let (sql, connection) = url
            .config()
            .connect(url.tls())
            .await
            .map_err(|error| format!("the database cannot be looked at: {error}"))?;
        tokio::spawn(connection);
        let store =
            Store::from_settings(&settings, Duration::from_secs(20)).map_err(|error| error.to_string())?;
        Ok(Self {
            settings,
            base,
            to,
            http,
            sql,
            store,
            report: String::new(),
            created: None,
            key: None,
        })
    }

    fn say(&mut self, line: &str) {
        let _ = writeln!(self.report, "ok  {line}");
    }

    async fn play(&mut self, workspace: Option<Uuid>) -> Result<(), String> {
        let workspace = match workspace {
            Some(workspace) => workspace,
            None => self.create_workspace().await?,
        };
        let number = self.wait_for_number(workspace).await?;
        self.say("1  the workspace has a number of its own");
        let conversation = self.send(workspace, &number).await?;
        self.say("2  a message goes out from it");
        self.receive(workspace, &number, &conversation).await?;
        self.say("3  a reply arrives in the same conversation, and once however often it is delivered");
        Ok(())
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: String) -> Result<Answer, String> {
        let mut request = self.http.post(format!("{}{path}", self.base)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.map_err(|error| {
            let why = if error.is_timeout() {
                "no answer in time"
            } else {
                "no connection"
            };
            format!("{path}: {why}")
        })?;
        Ok(Answer {
            status: answer.status().as_u16(),
            text: answer.text().await.unwrap_or_default(),
        })
    }

    /// Test 1: as Clerk tells of a new organization with a Pro plan.
    async fn create_workspace(&mut self) -> Result<Uuid, String> {
        let id = format!("org_smoke_{}", Uuid::now_v7().simple());
        let data = json!({
            "id": id, "name": "Smoke test", "slug": id.replace('_', "-"), "object": "organization",
            "public_metadata": { "plan": "professional" },
        });
        self.clerk("organization.created", &data).await?;
        self.created = Some(id.clone());
        Ok(clerk_webhook::workspace_id(&id))
    }

    async fn clerk(&self, kind: &str, data: &Value) -> Result<(), String> {
        let secret = self
            .settings
            .required("CLERK_WEBHOOK_SECRET")
            .map_err(|error| error.to_string())?;
        let now = jiff::Timestamp::now();
        let event =
            json!({ "type": kind, "object": "event", "timestamp": now.as_millisecond(), "data": data });
        let body = event.to_string();
        let id = format!("msg_{}", Uuid::now_v7().simple());
        let signature = Webhook::new(secret)
            .and_then(|webhook| webhook.sign(&id, now.as_second(), body.as_bytes()))
            .map_err(|_| "CLERK_WEBHOOK_SECRET is malformed".to_owned())?;
        let at = now.as_second().to_string();
        let headers = [
            ("content-type", "application/json"),
            ("svix-id", id.as_str()),
            ("svix-timestamp", at.as_str()),
            ("svix-signature", signature.as_str()),
        ];
        let answer = self.post("/api/webhooks/clerk", &headers, body).await?;
        match answer.status {
            200 => Ok(()),
            status => Err(format!("the Clerk webhook answers {status}: {}", answer.text)),
        }
    }

    /// One row of a workspace, as its functions see it.
    async fn find(
        &mut self,
        workspace: Uuid,
        query: &str,
        text: &str,
    ) -> Result<Option<(String, i64)>, String> {
        let looking = async {
            let transaction = self.sql.transaction().await?;
            transaction.execute("select act_for($1)", &[&workspace]).await?;
            let row = transaction.query_opt(query, &[&workspace, &text]).await?;
            transaction.rollback().await?;
            Ok::<_, tokio_postgres::Error>(row.map(|row| (row.get(0), row.get(1))))
        };
        looking
            .await
            .map_err(|error| format!("the database cannot be looked at: {error}"))
    }

    async fn wait_for_number(&mut self, workspace: Uuid) -> Result<String, String> {
        let active = "select phone_number, 1::bigint from workspace_phone_numbers
                      where workspace_id = $1 and status = 'active' and number_type = 'primary' and $2 = '' limit 1";
        let orders = "select state || coalesce(': ' || reason, ''), 1::bigint from provisioning_orders
                      where workspace_id = $1 and $2 = '' order by created_at desc limit 1";
        let begun = std::time::Instant::now();
        while begun.elapsed().as_secs() < PURCHASE_SECONDS_MAX {
            if let Some((number, _)) = self.find(workspace, active, "").await? {
                return Ok(number);
            }
            if let Some((state, _)) = self.find(workspace, orders, "").await?
                && state.starts_with("needs_attention")
            {
                return Err(format!("the order is in {state}"));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let order = self.find(workspace, orders, "").await?;
        Err(match order {
            Some((state, _)) => format!("no number after {PURCHASE_SECONDS_MAX} s; the order is in {state}"),
            None => {
                format!("no number after {PURCHASE_SECONDS_MAX} s, and no order: see the provisioning queue")
            }
        })
    }

    /// Test 2: as an application with an API key.
    async fn send(&mut self, workspace: Uuid, number: &str) -> Result<String, String> {
        let key = SecretKey::random().map_err(|error| error.to_string())?;
        let id = Uuid::now_v7();
        let new = NewApiKey {
            id,
            workspace_id: Some(workspace),
            hash: key.hash(),
            prefix: key.prefix(),
            name: "smoke test",
            scopes: &[Scope::MessagesWrite],
        };
        self.store
            .create_api_key(&new)
            .await
            .map_err(|error| error.to_string())?;
        self.key = Some(id);
        let authorization = format!("Bearer {}", key.expose());
        let headers = [
            ("content-type", "application/json"),
            ("authorization", authorization.as_str()),
        ];
        let message = json!({
            "channel": "sms", "to": self.to, "body": "Hello from the smoke test", "workspaceId": workspace,
        });
        let answer = self
            .post("/api/communications", &headers, message.to_string())
            .await?;
        if answer.status != 201 {
            return Err(format!(
                "/api/communications answers {}: {}",
                answer.status, answer.text
            ));
        }
        let sent: Value = serde_json::from_str(&answer.text).unwrap_or(Value::Null);
        if sent["from"] != number {
            return Err("the message went out from another number than the workspace's".to_owned());
        }
        Ok(sent["conversationId"].as_str().unwrap_or_default().to_owned())
    }

    /// Test 3: as the carrier delivers a reply, twice.
    async fn receive(&mut self, workspace: Uuid, number: &str, conversation: &str) -> Result<(), String> {
        let required = |name| self.settings.required(name).map_err(|error| error.to_string());
        let sid = format!("smoke-{}", Uuid::now_v7());
        let mut fields = [
            ("AccountSid", required("SIGNALWIRE_PROJECT_ID")?),
            ("Body", "Reply to the smoke test"),
            ("From", self.to.as_str()),
            ("MessageSid", sid.as_str()),
            ("NumMedia", "0"),
            ("To", number),
        ];
        fields.sort_unstable();
        let app_url: AppUrl = match self.settings.optional("DEVSTACK_APP_URL") {
            Some(url) => url
                .parse()
                .map_err(|_| "DEVSTACK_APP_URL is malformed".to_owned())?,
            None => self.settings.app_url().map_err(|error| error.to_string())?,
        };
        let key = required("SIGNALWIRE_SIGNING_KEY")?
            .split(',')
            .next()
            .unwrap_or_default()
            .trim();
        let signature = sign(key, &app_url.sms(), &fields);
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-signalwire-signature", signature.as_str()),
        ];
        for _ in 0..2 {
            let answer = self
                .post("/api/webhooks/signalwire/sms", &headers, body.clone())
                .await?;
            if answer.status != 200 {
                let why = if answer.status == 403 {
                    " (the signing key, or APP_URL)"
                } else {
                    ""
                };
                return Err(format!("the SMS webhook answers {}{why}", answer.status));
            }
        }
        let stored = "select conversation_id::text, count(*) over () from conversation_messages
                      where workspace_id = $1 and external_id = $2 limit 1";
        match self.find(workspace, stored, &sid).await? {
            Some((found, 1)) if found == conversation => Ok(()),
            Some((_, 1)) => Err("the reply is in another conversation".to_owned()),
            Some((_, count)) => Err(format!("the reply is stored {count} times")),
            None => Err("the reply is not stored in the workspace (it may wait in the spool)".to_owned()),
        }
    }

    /// Ends the key, and the workspace: its number is suspended at once and released after the grace.
    async fn tidy(&mut self) -> Result<(), String> {
        if let Some(id) = self.key.take() {
            self.store.revoke_api_key(None, id).map(drop).await;
        }
        if let Some(id) = self.created.take() {
            self.clerk(
                "organization.deleted",
                &json!({ "id": id, "object": "organization", "deleted": true }),
            )
            .await?;
            self.say("   the workspace is deleted again; its number goes after the grace");
        }
        Ok(())
    }
}

/// As the carrier signs forms: URL, then names and values in the order of the names.
fn sign(key: &str, url: &str, fields: &[(&str, &str)]) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("a key of any length will do");
    mac.update(url.as_bytes());
    for (name, value) in fields {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    BASE64.encode(mac.finalize().into_bytes())
}
