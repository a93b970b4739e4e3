//! What operators and the platform do while requests go on: a password or a key is rotated, Postgres is restarted, a process is
//! frozen and finds its connections dead. No request may fail.
//!
//! Postgres is a private server here that asks for passwords. The settings come from a secret in the emulated Secrets Manager.

use crate::Broken;
use crate::check;
use crate::gate::{Breadth, Gate, Moment, Script};
use crate::lab::{Answer, Lab, Way, ask, carrier_config, customer, invoke_batch, sid};
use crate::programs::Programs;
use crate::tally::Tally;
use devstack::fixture::{Fixture, migrate};
use serde_json::{Value, json};
use simulator::Simulator;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use testkit::identity::Issuer;
use testkit::postgres::{OWNER, Options, Server, Template};
use testkit::runtime_api::{Function, sqs_event};
use tokio_postgres::Client;
use uuid::Uuid;

/// What a function finds in the secret instead of in its environment.
const IN_SECRET: [&str; 3] = ["DATABASE_URL", "SIGNALWIRE_SIGNING_KEY", "SIGNALWIRE_TOKEN"];

struct Rig<'a> {
    lab: Lab<'a>,
    server: &'static Server,
    secret: String,
    keys: String,
    password: String,
    token: String,
}

/// Runs all of it.
pub(super) async fn run(programs: &Programs, tally: &Tally) -> Result<(), Broken> {
    let mut rig = Rig::open(programs).await?;
    rig.signing_key(tally).await?;
    rig.token(tally).await?;
    rig.password(tally).await?;
    rig.restart(tally).await?;
    rig.frozen(tally).await
}

impl<'a> Rig<'a> {
    async fn open(programs: &'a Programs) -> Result<Self, Broken> {
        // lives as long as the process: its end takes the server with it
        let server: &'static Server = Box::leak(Box::new(
            Server::start(Options {
                private: true,
                scram: true,
                // it is crashed, and what it has acknowledged has to be there afterwards
                settings: vec![("synchronous_commit".to_owned(), "on".to_owned())],
                ..Options::default()
            })
            .await?,
        ));
        let database = Template::prepare(server, migrate).await?.database().await?;
        let sql = database.superuser_client().await;
        let simulator = Simulator::start(carrier_config()).await?;
        let keys = simulator.config().signing_key.clone();
        let token = simulator.config().token.clone();
        let fixture = Fixture {
            database,
            sql,
            simulator,
            issuer: Issuer::start()?,
            extra: Vec::new(),
        };
        let mut lab = Lab::over(programs, fixture).await?;
        let secret = format!("lab-{}", Uuid::new_v4().simple());
        lab.fixture.set("APP_SECRET_ID", &secret);
        let url = url::Url::parse(lab.fixture.database.url())?;
        let password = url.password().unwrap_or_default().to_owned();
        let rig = Self {
            lab,
            server,
            secret,
            keys,
            password,
            token,
        };
        rig.lab.aws.create_secret(&rig.secret, &rig.value()).await?;
        Ok(rig)
    }

    fn value(&self) -> Value {
        let mut url =
            url::Url::parse(&self.lab.database.url(self.lab.fixture.database.url())).expect("it is a URL");
        url.set_password(Some(&self.password)).expect("it has a host");
        json!({ "DATABASE_URL": url.as_str(), "SIGNALWIRE_SIGNING_KEY": self.keys, "SIGNALWIRE_TOKEN": self.token })
    }

    async fn put_secret(&self) -> Result<(), Broken> {
        Ok(self.lab.aws.put_secret(&self.secret, &self.value()).await?)
    }

    async fn start(&self, function: &str) -> Result<Function, Broken> {
        let mut environment = self.lab.environment(Way::Direct);
        environment.retain(|(name, _)| !IN_SECRET.contains(&name.as_str()));
        self.lab.start_with(function, environment).await
    }

    /// Messages, reports and sends, one after the other, until `done`; every one has to be taken.
    async fn traffic(
        &self,
        tally: &Tally,
        case: &str,
        functions: &Traffic,
        done: &AtomicBool,
    ) -> Result<Vec<String>, Broken> {
        let mut acknowledged = Vec::new();
        let mut rest = 20;
        while rest > 0 {
            if done.load(Ordering::Relaxed) {
                rest -= 1;
            }
            let sid = sid("ROT");
            let answer = ask(&functions.sms, self.lab.message(&sid, "Is this on?")).await;
            self.judge(tally, case, "message", &answer, 200);
            acknowledged.push(sid);
            let answer = ask(&functions.status, self.lab.report(&acknowledged[0], "delivered")).await;
            self.judge(tally, case, "report", &answer, 200);
            let text = crate::lab::sid("Text ");
            let answer = ask(&functions.send, self.lab.send(&customer(), &text, &text)).await;
            self.judge(tally, case, "send", &answer, 201);
            tally.count(
                "sends beyond keys",
                check::sends_of(&self.lab, &text).saturating_sub(1),
            );
        }
        Ok(acknowledged)
    }

    fn judge(&self, tally: &Tally, case: &str, what: &str, answer: &Answer, wanted: u16) {
        tally.count("requests during rotations, restarts and thaws", 1);
        if what != "send" {
            tally.answered(case, answer.took);
        }
        tally.expect(answer.status == wanted, || {
            format!(
                "{case}: a {what} was answered with {} {}",
                answer.status, answer.body
            )
        });
    }

    async fn functions(&self) -> Result<Traffic, Broken> {
        Ok(Traffic {
            sms: self.start("sms-webhook").await?,
            status: self.start("status-callback").await?,
            send: self.start("outbound-send").await?,
        })
    }

    /// Requests go on while `change` happens.
    async fn during(
        &self,
        tally: &Tally,
        case: &str,
        change: impl AsyncFnOnce() -> Result<(), Broken>,
    ) -> Result<Vec<String>, Broken> {
        tally.say(case);
        let functions = self.functions().await?;
        let done = AtomicBool::new(false);
        let changing = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let changed = change().await;
            done.store(true, Ordering::Relaxed);
            changed
        };
        let (acknowledged, changed) = tokio::join!(self.traffic(tally, case, &functions, &done), changing);
        changed?;
        acknowledged
    }

    async fn settle(&self, tally: &Tally, case: &str, acknowledged: &[String]) -> Result<(), Broken> {
        let spooled = self.lab.drain().await?;
        tally.count("webhooks spooled and replayed", spooled.len());
        let replay = self.start("spool-replay").await?;
        let again = self.lab.replay(&replay, spooled).await?;
        tally.expect(again.is_empty(), || {
            format!("{case}: {} records were not replayed", again.len())
        });
        check::messages_are_stored(&self.lab, tally, case, acknowledged).await
    }

    async fn superuser(&self) -> Result<Client, Broken> {
        let url = self.lab.fixture.database.superuser_url();
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// The role's password and the secret change, in either order, and every connection breaks.
    async fn password(&mut self, tally: &Tally) -> Result<(), Broken> {
        for secret_first in [false, true] {
            let old = self.password.clone();
            self.password = format!("rotated-{secret_first}");
            let rig = &*self;
            let new = rig.password.clone();
            rig.lab.fixture.sql.execute("select 1", &[]).await?;
            // functions start with the old one
            let value = |password: &str| {
                let mut value = rig.value();
                let url = value["DATABASE_URL"]
                    .as_str()
                    .unwrap_or_default()
                    .replace(&rig.password, password);
                value["DATABASE_URL"] = json!(url);
                value
            };
            rig.lab.aws.put_secret(&rig.secret, &value(&old)).await?;
            let case = if secret_first {
                "password: first the secret, then the role"
            } else {
                "password: first the role, then the secret"
            };
            let acknowledged = rig
                .during(tally, case, async || {
                    let client = rig.superuser().await?;
                    let alter = format!("alter role {OWNER} password '{new}'");
                    if secret_first {
                        rig.put_secret().await?;
                        client.batch_execute(&alter).await?;
                    } else {
                        client.batch_execute(&alter).await?;
                        rig.put_secret().await?;
                    }
                    for _ in 0..3 {
                        rig.lab.database.reset_all();
                        tokio::time::sleep(Duration::from_millis(40)).await;
                    }
                    Ok(())
                })
                .await?;
            rig.settle(tally, case, &acknowledged).await?;
        }
        Ok(())
    }

    /// Both keys hold while they stand in the secret; the carrier changes over in between.
    async fn signing_key(&mut self, tally: &Tally) -> Result<(), Broken> {
        let old = self.keys.clone();
        self.keys = format!("{old},PSK_the_next_key");
        self.put_secret().await?;
        let rig = &*self;
        let case = "signing key: old and new";
        let change = async || {
            rig.lab.fixture.simulator.rotate_signing_key("PSK_the_next_key");
            Ok(())
        };
        let acknowledged = rig.during(tally, case, change).await?;
        rig.settle(tally, case, &acknowledged).await?;
        self.keys = "PSK_the_next_key".to_owned();
        self.put_secret().await?;
        let rig = &*self;
        let case = "signing key: the new one alone";
        let acknowledged = rig.during(tally, case, async || Ok(())).await?;
        rig.settle(tally, case, &acknowledged).await?;
        self.lab.fixture.simulator.rotate_signing_key(&old);
        let sms = self.start("sms-webhook").await?;
        let answer = ask(&sms, self.lab.message(&sid("ROT"), "Forged?")).await;
        tally.expect(answer.status == 403, || {
            format!("a key that was taken away still holds: {}", answer.status)
        });
        self.lab.fixture.simulator.rotate_signing_key("PSK_the_next_key");
        Ok(())
    }

    /// The new token is put into the secret, and the old one ends: a 401 makes a function look at the secret at once, and what it
    /// was doing is done.
    async fn token(&mut self, tally: &Tally) -> Result<(), Broken> {
        let case = "SignalWire token";
        let provision = self.start("provision-trigger").await?;
        let reconciler = self.start("reconciler").await?;
        let replaced = ["PT_the_second_token", "PT_the_third_token"];
        for token in replaced {
            // these two look only when they are refused: they hold the token before this one
            reconciler.invoke(json!({})).await?;
            self.token = token.to_owned();
            let rig = &*self;
            let acknowledged = rig
                .during(tally, case, async || {
                    rig.put_secret().await?;
                    rig.lab.fixture.simulator.rotate_token(token);
                    Ok(())
                })
                .await?;
            rig.settle(tally, case, &acknowledged).await?;
            let workspace = Uuid::new_v4();
            let tenant = json!({ "id": workspace, "name": "Acme", "slug": workspace, "clerkOrganizationId": workspace, "subscriptionTier": "pro" });
            let event = json!({ "id": workspace, "type": "workspace.created", "workspace": tenant, "areaCode": "405" });
            let failed = invoke_batch(&provision, sqs_event(&[("r1", &event.to_string())])).await?;
            tally.expect(failed.is_empty(), || {
                format!("{case}: a purchase has to come again")
            });
            check::workspace_has(&rig.lab, tally, case, workspace, 1).await?;
            let report = reconciler.invoke(json!({})).await?;
            tally.expect(report["problems"] == json!([]), || format!("{case}: {report}"));
            tally.count("requests during rotations, restarts and thaws", 2);
        }
        Ok(())
    }

    async fn restart(&mut self, tally: &Tally) -> Result<(), Broken> {
        let server = self.server;
        for is_crash in [false, true] {
            let case = if is_crash {
                "Postgres crashes and comes back"
            } else {
                "Postgres is restarted"
            };
            let acknowledged = self
                .during(tally, case, async || {
                    if is_crash {
                        server.crash().await?
                    } else {
                        server.stop().await?
                    }
                    Ok(server.start_again().await?)
                })
                .await?;
            self.lab.fixture.sql = self.lab.fixture.database.superuser_client().await;
            self.settle(tally, case, &acknowledged).await?;
        }
        Ok(())
    }

    /// A process sleeps while its connections die: with a reset that it sees, and in silence.
    async fn frozen(&self, tally: &Tally) -> Result<(), Broken> {
        let (name, seconds) = ("a frozen process wakes up", 0.05);
        tally.say(name);
        let mut acknowledged = Vec::new();
        let sql = self.superuser().await?;
        for is_silent in [false, true] {
            let script = Script::watching();
            let gate = Gate::open(&crate::gate::address(self.lab.fixture.database.url()), &script).await?;
            let mut secret = self.value();
            let url = gate.url(secret["DATABASE_URL"].as_str().unwrap_or_default());
            secret["DATABASE_URL"] = json!(url);
            let id = format!("{}-{is_silent}", self.secret);
            self.lab.aws.create_secret(&id, &secret).await?;
            for (function, wanted) in [("sms-webhook", 200), ("outbound-send", 201)] {
                let mut environment = self.lab.environment(Way::Direct);
                environment
                    .retain(|(name, _)| !IN_SECRET.contains(&name.as_str()) && name != "APP_SECRET_ID");
                environment.push(("APP_SECRET_ID".to_owned(), id.clone()));
                let process = self.lab.start_with(function, environment).await?;
                for _ in 0..4 {
                    for is_warm in [true, false] {
                        let (sid, text) = (sid("ROT"), crate::lab::sid("Text "));
                        let event = if function == "sms-webhook" {
                            acknowledged.push(sid.clone());
                            self.lab.message(&sid, "Good morning")
                        } else {
                            self.lab.send(&customer(), &text, &text)
                        };
                        if !is_warm {
                            process.freeze();
                            if is_silent {
                                script.hold_from_now(1, Moment::Before, Breadth::Connection);
                            } else {
                                let kill = "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1";
                                sql.execute(kill, &[&OWNER]).await?;
                            }
                            tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
                            process.thaw();
                        }
                        let answer = ask(&process, event).await;
                        let what = if function == "sms-webhook" {
                            "message"
                        } else {
                            "send"
                        };
                        self.judge(tally, name, what, &answer, wanted);
                    }
                }
            }
        }
        self.settle(tally, name, &acknowledged).await
    }
}

struct Traffic {
    sms: Function,
    status: Function,
    send: Function,
}
