//! Two workspaces, and a way to ask.

use devstack::fixture::{Fixture, json, request};
use lambda_http::{Body, Response};
use serde_json::{Value, json};
use testkit::identity::Claims;
use uuid::Uuid;
use workspace_api::App;

/// The workspace's primary number.
pub const NUMBER: &str = "+14055550123";
/// A customer.
pub const CUSTOMER: &str = "+14155551234";

/// What a test asks.
pub struct Ask<'a> {
    pub method: &'a str,
    pub tail: &'a str,
    pub body: Value,
    pub key: Option<&'a str>,
}

impl<'a> Ask<'a> {
    pub fn get(tail: &'a str) -> Self {
        Self {
            method: "GET",
            tail,
            body: Value::Null,
            key: None,
        }
    }

    pub fn post(tail: &'a str, body: Value) -> Self {
        Self {
            method: "POST",
            tail,
            body,
            key: None,
        }
    }

    pub fn patch(tail: &'a str, body: Value) -> Self {
        Self {
            method: "PATCH",
            tail,
            body,
            key: None,
        }
    }

    pub fn key(self, key: &'a str) -> Self {
        Self {
            key: Some(key),
            ..self
        }
    }
}

/// An Enterprise workspace `org_1`, and another, `org_2`.
pub struct Office {
    pub fixture: Fixture,
    pub app: App,
    pub workspace: Uuid,
    pub number: Uuid,
    pub other: Uuid,
}

impl Office {
    pub async fn open() -> Self {
        Self::open_with(&[]).await
    }

    pub async fn open_with(extra: &[(&str, &str)]) -> Self {
        let mut fixture = Fixture::start().await;
        // nothing listens there: an order is stored before the queue hears of it
        fixture.set("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
        for (name, value) in extra {
            fixture.set(name, value);
        }
        let workspace = fixture.workspace("Acme", "enterprise", "org_1").await;
        let other = fixture.workspace("Bolt", "enterprise", "org_2").await;
        let number = fixture.number(workspace, NUMBER, "primary").await;
        let app = App::start_with(fixture.settings()).await.unwrap();
        Self {
            fixture,
            app,
            workspace,
            number,
            other,
        }
    }

    pub fn token(&self, organization: &str, role: &str) -> String {
        self.fixture
            .issuer
            .token(&Claims::of("user_1").organization(organization, role, "acme"))
    }

    /// Asks as an admin of the workspace.
    pub async fn ask(&self, ask: Ask<'_>) -> (u16, Value) {
        let response = self
            .ask_as(Some(&self.token("org_1", "admin")), self.workspace, &ask)
            .await;
        (response.status().as_u16(), json(&response))
    }

    /// Asks as anybody, of any workspace.
    pub async fn ask_as(&self, token: Option<&str>, workspace: Uuid, ask: &Ask<'_>) -> Response<Body> {
        let authorization = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(authorization.as_deref().map(|text| ("authorization", text)));
        headers.extend(ask.key.map(|key| ("idempotency-key", key)));
        let (tail, query) = ask.tail.split_once('?').unwrap_or((ask.tail, ""));
        let path = format!("/api/workspaces/{workspace}/{tail}");
        let body = if ask.body.is_null() {
            String::new()
        } else {
            ask.body.to_string()
        };
        let event = testkit::runtime_api::http_event(ask.method, &path, query, &headers, body.as_bytes());
        self.app.handle(request(event)).await
    }

    /// A thread of a workspace with so many messages a minute apart, every second one ours; gives its id.
    pub async fn thread(&self, workspace: Uuid, number: Option<Uuid>, customer: &str, messages: i32) -> Uuid {
        let insert = "with thread as (
                insert into conversations (workspace_id, phone_number_id, business_phone, customer_phone, channel, is_unread,
                    unread_count, message_count, last_message_at)
                values ($1, $2, '+14055550123', $3, 'sms', true, 1, $4, now() - interval '1 minute')
                returning id),
            said as (
                insert into conversation_messages (workspace_id, conversation_id, direction, body, sender_phone, recipient_phone,
                    external_id, status, created_at)
                select $1, thread.id, case n % 2 when 0 then 'outbound' else 'inbound' end, 'message ' || n, '+14055550123', $3,
                    gen_random_uuid()::text, case n % 2 when 0 then 'delivered' else 'received' end, now() - make_interval(mins => $4 - n + 1)
                from thread, generate_series(1, $4) n)
            select id from thread";
        let row = self
            .fixture
            .sql
            .query_one(insert, &[&workspace, &number, &customer, &messages])
            .await
            .unwrap();
        row.get(0)
    }
}

/// A problem's status and code.
pub fn refusal((status, body): &(u16, Value)) -> (u16, &str) {
    (*status, body["code"].as_str().unwrap_or(""))
}

/// An empty object.
pub fn nothing() -> Value {
    json!(null)
}
