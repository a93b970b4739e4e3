//! Messages and calls that reports are about, and a function in front of them.

use common::store::Store;
use common::webhook::Form;
use common::webhook::voice::InboundCall;
use devstack::fixture::{APP_URL, Fixture, form, request, text};
use lambda_http::{Body, Response};
use serde_json::Value;
use status_callback::App;
use std::time::Duration;
use testkit::proxy::Proxy;
use testkit::runtime_api::http_event;
use uuid::Uuid;

pub const PATH: &str = "/api/webhooks/signalwire/status";
pub const NUMBER: &str = "+14055550123";
pub const CUSTOMER: &str = "+14155550101";

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
        let mut fixture = Fixture::of("status-callback").await;
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

    /// A message or call of ours, as it stands before the carrier has answered (`sid` is `None`) or after.
    pub async fn outbound(&self, channel: &str, sid: Option<&str>) -> Uuid {
        let insert = "with thread as (
                          insert into conversations (workspace_id, channel, business_phone, customer_phone) values ($1, $2, $3, $4)
                          on conflict (workspace_id, business_phone, customer_phone, channel) do update set updated_at = now() returning id)
                      insert into conversation_messages (workspace_id, conversation_id, direction, sender_phone, recipient_phone, external_id, status, segments)
                      select $1, id, 'outbound', $3, $4, $5, 'queued', 1 from thread returning id";
        let row = self
            .fixture
            .sql
            .query_one(insert, &[&self.workspace, &channel, &NUMBER, &CUSTOMER, &sid])
            .await;
        row.expect("a message").get(0)
    }

    /// The voice webhook has come.
    pub async fn inbound_call(&self, sid: &str) -> Uuid {
        let store = Store::from_settings(&self.fixture.settings(), Duration::from_secs(5))
            .expect("the settings are right");
        let fields = form(&[
            ("CallSid", sid),
            ("From", CUSTOMER),
            ("To", NUMBER),
            ("CallStatus", "ringing"),
        ]);
        let call = InboundCall::read(&Form::parse(fields.as_bytes()).expect("a form")).expect("a call");
        let route = store
            .record_inbound_call(Uuid::now_v7(), &call, false, true, jiff::Timestamp::now())
            .await;
        route.expect("it is stored").message_id.expect("it has a row")
    }

    pub async fn report(&self, fields: &[(&str, &str)]) {
        self.report_to(PATH, "", fields).await;
    }

    /// One callback; the answer has to be a 200 with an empty document.
    pub async fn report_to(&self, path: &str, query: &str, fields: &[(&str, &str)]) {
        accepted(
            &self
                .app
                .handle(self.fixture.webhook_with_query(path, query, fields))
                .await,
        );
    }

    /// One JSON callback, signed as the carrier signs JSON.
    pub async fn json(&self, path: &str, body: &str) -> Response<Body> {
        let signature = self
            .fixture
            .simulator
            .sign_json(&format!("{APP_URL}{path}"), body.as_bytes());
        let headers = [
            ("content-type", "application/json"),
            ("x-signalwire-signature", signature.as_str()),
        ];
        self.app
            .handle(request(http_event("POST", path, "", &headers, body.as_bytes())))
            .await
    }

    pub async fn status(&self, path: &str, fields: &[(&str, &str)]) -> u16 {
        self.app
            .handle(self.fixture.webhook(path, fields))
            .await
            .status()
            .as_u16()
    }

    /// The message's row.
    pub async fn message(&self, id: Uuid) -> Value {
        self.fixture
            .row(&format!("conversation_messages where id = '{id}'"))
            .await
    }

    pub async fn execute(&self, sql: &str) {
        self.fixture.execute(sql).await;
    }

    pub async fn everything(&self) -> Vec<Value> {
        self.fixture
            .tables(&[
                "conversations",
                "conversation_messages",
                "status_reports",
                "parked_reports",
                "phone_number_readiness",
            ])
            .await
    }
}

pub fn accepted(response: &Response<Body>) {
    assert_eq!((response.status().as_u16(), text(response)), (200, "<Response/>"));
    assert_eq!(response.headers()["content-type"], "text/xml; charset=utf-8");
}

/// Every order of some things.
pub fn permutations<T: Copy>(items: &[T]) -> Vec<Vec<T>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (index, first) in items.iter().enumerate() {
        let mut rest = items.to_vec();
        rest.remove(index);
        for mut tail in permutations(&rest) {
            tail.insert(0, *first);
            all.push(tail);
        }
    }
    all
}
