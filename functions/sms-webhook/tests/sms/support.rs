//! A workspace with a number, and a function in front of it.

use devstack::fixture::{Fixture, text};
use lambda_http::{Body, Request, Response};
use serde_json::Value;
use sms_webhook::App;
use std::sync::Arc;
use testkit::proxy::Proxy;
use tokio::task::JoinSet;
use uuid::Uuid;

pub const PATH: &str = "/api/webhooks/signalwire/sms";
pub const WHATSAPP_PATH: &str = "/api/webhooks/signalwire/whatsapp";
pub const NUMBER: &str = "+14055550123";
pub const CUSTOMER: &str = "+14155550101";
pub const EMPTY: &str = "<Response/>";

pub struct Desk {
    pub fixture: Fixture,
    pub app: App,
    pub workspace: Uuid,
    pub number: Uuid,
}

impl Desk {
    /// Acme, a professional workspace with [`NUMBER`].
    pub async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    pub async fn open_with(change: impl FnOnce(&mut Fixture)) -> Self {
        let mut fixture = Fixture::of("sms-webhook").await;
        change(&mut fixture);
        let workspace = fixture.workspace("Acme", "professional", "org_acme").await;
        let number = fixture.number(workspace, NUMBER, "primary").await;
        let app = App::start_with(fixture.settings())
            .await
            .expect("the settings are right");
        Self {
            fixture,
            app,
            workspace,
            number,
        }
    }

    /// The same with a proxy before Postgres.
    pub async fn open_behind_proxy() -> (Self, Proxy) {
        let mut proxy = None;
        let desk = Self::open_with(|fixture| proxy = Some(fixture.put_proxy())).await;
        (desk, proxy.expect("it was just started"))
    }

    /// One message to any number; the answer has to be a 200.
    pub async fn message(&self, sid: &str, from: &str, to: &str, body: &str) -> String {
        self.send(&sms(sid, from, to, body)).await
    }

    /// One message from [`CUSTOMER`] to [`NUMBER`].
    pub async fn text(&self, sid: &str, body: &str) -> String {
        self.message(sid, CUSTOMER, NUMBER, body).await
    }

    pub async fn send(&self, fields: &[(&str, &str)]) -> String {
        self.send_to(PATH, fields).await
    }

    pub async fn send_to(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let response = self.app.handle(self.fixture.webhook(path, fields)).await;
        assert_eq!(response.status(), 200, "{}", text(&response));
        assert_eq!(response.headers()["content-type"], "text/xml; charset=utf-8");
        text(&response).to_owned()
    }

    pub async fn status(&self, request: Request) -> u16 {
        self.app.handle(request).await.status().as_u16()
    }

    pub async fn execute(&self, sql: &str) {
        self.fixture.execute(sql).await;
    }

    pub async fn is_opted_out(&self, workspace: Uuid, business: &str, customer: &str) -> bool {
        let ask = "select is_opted_out($1, $2, $3)";
        let row = self
            .fixture
            .sql
            .query_one(ask, &[&workspace, &business, &customer])
            .await;
        row.expect("the test's own SQL is right").get(0)
    }

    /// Everything that a webhook can write, to compare before and after a repeat.
    pub async fn everything(&self) -> Vec<Value> {
        self.fixture
            .tables(&[
                "conversations",
                "conversation_messages",
                "unrouted_messages",
                "opt_outs",
                "opt_out_changes",
            ])
            .await
    }
}

pub fn sms<'a>(sid: &'a str, from: &'a str, to: &'a str, body: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("MessageSid", sid),
        ("From", from),
        ("To", to),
        ("Body", body),
        ("NumMedia", "0"),
    ]
}

/// All requests at once, spread over several functions as Lambda would.
pub async fn at_once(desk: &Desk, functions: usize, requests: Vec<Request>) -> Vec<Response<Body>> {
    let mut apps = Vec::new();
    for _ in 0..functions {
        apps.push(Arc::new(
            App::start_with(desk.fixture.settings())
                .await
                .expect("the settings are right"),
        ));
    }
    let mut set = JoinSet::new();
    for (index, request) in requests.into_iter().enumerate() {
        let app = apps[index % functions].clone();
        set.spawn(async move { app.handle(request).await });
    }
    set.join_all().await
}
