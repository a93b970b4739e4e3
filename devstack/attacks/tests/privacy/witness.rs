//! Functions at `trace`, and what must not be seen in what they say.

use faults::lab::{Lab, NUMBER, Way, ask, sid};
use faults::programs::Programs;
use serde_json::Value;
use testkit::runtime_api::Function;

pub const CUSTOMER: &str = "+14155550199";
pub const STRANGER: &str = "+14155550177";
pub const BODY: &str = "zebra-canary-text";
pub const FALLBACK: &str = "/api/webhooks/signalwire/fallback/sms";

/// What must not be seen.
pub struct Canaries(pub Vec<String>);

impl Canaries {
    /// All secrets of an environment, all numbers, all texts.
    pub fn of(environment: &[(String, String)]) -> Self {
        let mut canaries: Vec<String> = [NUMBER, CUSTOMER, STRANGER]
            .iter()
            .map(|number| number[2..].to_owned())
            .collect();
        canaries.push(BODY.to_owned());
        for (name, value) in environment {
            match name.as_str() {
                "SIGNALWIRE_TOKEN" | "SIGNALWIRE_SIGNING_KEY" | "CLERK_WEBHOOK_SECRET" => {
                    canaries.push(value.clone())
                }
                "DATABASE_URL" => {
                    let url = url_password(value);
                    canaries.extend(url.filter(|password| password.len() > 5));
                }
                _ => {}
            }
        }
        assert!(canaries.len() >= 7, "the environment has its secrets");
        Self(canaries)
    }

    pub fn look(&self, what: &str, logs: &str) {
        for canary in &self.0 {
            let line = logs.lines().find(|line| line.contains(canary));
            assert_eq!(line, None, "{what} tells {canary}");
        }
    }
}

pub fn url_password(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let (user, _) = rest.split_once('@')?;
    user.split_once(':').map(|(_, password)| password.to_owned())
}

/// A function at `trace`, told what to do and what to keep to itself.
pub struct Witness<'a> {
    pub lab: &'a Lab<'a>,
    name: &'static str,
    pub function: Function,
    canaries: &'a Canaries,
}

impl<'a> Witness<'a> {
    pub async fn call(
        lab: &'a Lab<'a>,
        canaries: &'a Canaries,
        name: &'static str,
        changes: &[(&str, &str)],
    ) -> Self {
        let function = lab.start_with(name, environment(lab, changes)).await.unwrap();
        Self {
            lab,
            name,
            function,
            canaries,
        }
    }

    pub async fn http(&self, event: Value) -> u16 {
        ask(&self.function, event).await.status
    }

    /// It ends, so that its last words are heard too.
    pub async fn dismiss(self) {
        self.function.terminate();
        self.function.wait().await;
        let logs = self.function.logs();
        assert!(logs.lines().count() > 0, "{} said nothing", self.name);
        self.canaries.look(self.name, &logs);
    }
}

pub fn environment(lab: &Lab<'_>, changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut pairs = lab.environment(Way::Proxied);
    for (name, value) in [("RUST_LOG", "trace")].iter().chain(changes) {
        pairs.retain(|(known, _)| known != name);
        pairs.push(((*name).to_owned(), (*value).to_owned()));
    }
    pairs
}

pub fn programs() -> &'static Programs {
    static PROGRAMS: std::sync::OnceLock<Programs> = std::sync::OnceLock::new();
    PROGRAMS.get_or_init(|| {
        Programs::find(false)
            .or_else(|_| Programs::build(false))
            .expect("the functions can be built")
    })
}

pub fn inbound(lab: &Lab<'_>, path: &str, from: &str, to: &str, body: &str) -> Value {
    let sid = sid("SM");
    lab.fixture.webhook_event(
        path,
        "",
        &[("MessageSid", &sid), ("From", from), ("To", to), ("Body", body)],
    )
}
