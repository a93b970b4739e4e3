//! A workspace with a number, and the function.

use devstack::fixture::Fixture;
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
    pub async fn open() -> Self {
        Self::open_with(&[]).await
    }

    pub async fn open_with(extra: &[(&str, &str)]) -> Self {
        let mut fixture = Fixture::of("reconciler").await;
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

    pub async fn run(&self) -> Value {
        let report = self.app.handle(&json!({})).await.unwrap();
        assert_eq!(report["problems"], json!([]), "{report}");
        report
    }

    /// A run, and what its line says that it was about.
    pub async fn told(&self) -> (Value, Vec<String>) {
        let (report, line) = common::metrics::told("r-1", self.run()).await;
        let line: Value = serde_json::from_str(&line).unwrap();
        let ids = line["correlation_id"].as_str().unwrap().split(',');
        (report, ids.map(str::to_owned).collect())
    }

    /// A row as outbound-send leaves it.
    pub async fn outbound(&self, sid: Option<&str>, status: &str, body: &str, seconds_ago: f64) -> Uuid {
        let thread = "insert into conversations (workspace_id, channel, business_phone, customer_phone) values ($1, 'sms', $2, $3)
                      on conflict (workspace_id, business_phone, customer_phone, channel) do update set updated_at = now() returning id";
        let thread: Uuid = self
            .fixture
            .sql
            .query_one(thread, &[&self.workspace, &NUMBER, &CUSTOMER])
            .await
            .unwrap()
            .get(0);
        let insert = "insert into conversation_messages
            (workspace_id, conversation_id, direction, body, sender_phone, recipient_phone, external_id, status, created_at)
            values ($1, $2, 'outbound', $3, $4, $5, $6, $7, now() - make_interval(secs => $8)) returning id";
        let row = self
            .fixture
            .sql
            .query_one(
                insert,
                &[
                    &self.workspace,
                    &thread,
                    &body,
                    &NUMBER,
                    &CUSTOMER,
                    &sid,
                    &status,
                    &seconds_ago,
                ],
            )
            .await;
        row.unwrap().get(0)
    }

    /// A message at the carrier, sent as outbound-send would.
    pub async fn carried(&self, body: &str) -> String {
        let client = common::signalwire::Client::from_settings(&self.fixture.settings()).unwrap();
        let request = common::signalwire::MessageRequest {
            from: NUMBER,
            to: CUSTOMER,
            body,
            media_urls: &[],
            status_callback: "http://127.0.0.1:9/lost",
            max_price: None,
            leave: common::signalwire::Leave::ask(),
        };
        let sid = client.send_message(&request).await.unwrap().sid;
        self.fixture.simulator.settle().await;
        sid
    }
}
