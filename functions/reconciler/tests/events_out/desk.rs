//! A workspace whose events go out.

use crate::hook::SECRET;
use devstack::fixture::{Fixture, PLATFORM_NUMBER};
use reconciler::App;
use serde_json::{Value, json};
use uuid::Uuid;

pub const NUMBER: &str = "+14055550123";
pub const CUSTOMER: &str = "+14155551234";

pub struct Desk {
    pub fixture: Fixture,
    pub app: App,
    pub workspace: Uuid,
}

impl Desk {
    pub async fn open(extra: &[(&str, &str)]) -> Self {
        let mut fixture = Fixture::start().await;
        for (name, value) in extra {
            fixture.set(name, value);
        }
        let workspace = fixture.workspace("Acme", "professional", "org_1").await;
        fixture.number(workspace, NUMBER, "primary").await;
        let app = App::start_with(fixture.settings()).await.unwrap();
        Self {
            fixture,
            app,
            workspace,
        }
    }

    /// What the rule of a minute asks for.
    pub async fn run(&self) -> Value {
        self.app.handle(&minute()).await.unwrap()
    }

    pub async fn endpoint(&self, workspace: Uuid, url: &str) -> Uuid {
        let insert = "insert into webhook_endpoints (id, workspace_id, url, secret) values ($1, $2, $3, $4)";
        let id = Uuid::now_v7();
        self.fixture
            .sql
            .execute(insert, &[&id, &workspace, &url, &SECRET])
            .await
            .unwrap();
        id
    }

    pub async fn sql(&self, statement: &str) {
        self.fixture.sql.batch_execute(statement).await.unwrap();
    }

    /// As sms-webhook stores it, and once more.
    pub async fn received(&self, sid: &str, body: &str) {
        self.receives(NUMBER, sid, body).await;
        self.receives(NUMBER, sid, body).await;
    }

    pub async fn receives(&self, to: &str, sid: &str, body: &str) {
        let keyword = (body == "STOP").then_some("stop");
        let call = "select 1 from record_inbound_message(gen_random_uuid(), $1, 'sms', $2, $3, $4, '[]', 1, $5, $6, $6, now())";
        let shared = to == PLATFORM_NUMBER;
        self.fixture
            .sql
            .execute(call, &[&sid, &to, &CUSTOMER, &body, &shared, &keyword])
            .await
            .unwrap();
    }

    pub async fn types(&self) -> Vec<String> {
        let rows = self.fixture.rows("events order by id").await;
        rows.iter()
            .map(|row| row["type"].as_str().unwrap().to_owned())
            .collect()
    }
}

pub fn minute() -> Value {
    json!({ "resources": ["arn:aws:events:eu-west-1:1:rule/ringspace-minute"] })
}
