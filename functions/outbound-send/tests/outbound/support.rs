//! A stack with one Pro workspace, and a way to ask.

use common::caller::SecretKey;
use devstack::fixture::{Fixture, json, request};
use lambda_http::{Body, Response};
use outbound_send::App;
use serde_json::{Value, json};
use testkit::identity::Claims;
use uuid::Uuid;

/// The Pro workspace's primary number.
pub const NUMBER: &str = "+14055550123";
/// A customer.
pub const CUSTOMER: &str = "+14155551234";

/// One workspace, ready to send.
pub struct Desk {
    /// Its surroundings.
    pub fixture: Fixture,
    /// The function.
    pub app: App,
    /// The workspace.
    pub workspace: Uuid,
    /// Its primary number.
    pub number: Uuid,
}

impl Desk {
    /// Starts it, with more settings.
    pub async fn open(extra: &[(&str, &str)]) -> Self {
        let mut fixture = Fixture::of("outbound-send").await;
        for (name, value) in extra {
            fixture.set(name, value);
        }
        let workspace = fixture.workspace("Acme", "professional", "org_1").await;
        let number = fixture.number(workspace, NUMBER, "primary").await;
        let app = App::start_with(fixture.settings()).await.unwrap();
        Self {
            fixture,
            app,
            workspace,
            number,
        }
    }

    /// A token of an organization.
    pub fn token(&self, organization: &str, role: &str) -> String {
        self.fixture
            .issuer
            .token(&Claims::of("user_1").organization(organization, role, "acme"))
    }

    /// An API key of a workspace, or of the operators.
    pub async fn api_key(&self, workspace: Option<Uuid>, scope: &str) -> SecretKey {
        let key = SecretKey::random().unwrap();
        let hash = key.hash();
        let insert = "select create_api_key($1, $2, $3, $4, 'test', array[$5])";
        let id = Uuid::now_v7();
        self.fixture
            .sql
            .execute(
                insert,
                &[&workspace, &id, &hash.as_bytes(), &key.prefix(), &scope],
            )
            .await
            .unwrap();
        key
    }

    /// An SMS to the customer.
    pub fn sms(&self, body: &str) -> Value {
        json!({ "channel": "sms", "to": CUSTOMER, "body": body, "workspaceId": self.workspace })
    }

    /// Asks as the workspace's own member.
    pub async fn send(&self, body: &Value, key: Option<&str>) -> Response<Body> {
        self.send_as(Some(&self.token("org_1", "member")), &body.to_string(), key)
            .await
    }

    /// Asks as anybody.
    pub async fn send_as(&self, token: Option<&str>, body: &str, key: Option<&str>) -> Response<Body> {
        let authorization = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(authorization.as_deref().map(|text| ("authorization", text)));
        headers.extend(key.map(|key| ("idempotency-key", key)));
        let event =
            testkit::runtime_api::http_event("POST", "/api/communications", "", &headers, body.as_bytes());
        self.app.handle(request(event)).await
    }

    /// Asks, and reads status and body.
    pub async fn ask(&self, body: &Value) -> (u16, Value) {
        let response = self.send(body, None).await;
        (response.status().as_u16(), json(&response))
    }

    /// How many messages and calls the carrier was asked for.
    pub fn carried(&self) -> usize {
        let ledger = self.fixture.simulator.ledger();
        ledger
            .messages
            .iter()
            .filter(|message| message.direction != "inbound")
            .count()
            + ledger.calls.len()
    }
}
