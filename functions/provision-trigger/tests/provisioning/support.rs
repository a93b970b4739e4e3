//! A stack, and a way to deliver events.

use aws_lambda_events::sqs::SqsEvent;
use devstack::fixture::Fixture;
use provision_trigger::App;
use serde_json::{Value, json};
use uuid::Uuid;

/// The function and its surroundings.
pub struct Shop {
    /// Its surroundings.
    pub fixture: Fixture,
    /// The function.
    pub app: App,
}

impl Shop {
    /// Opens it, with more settings.
    pub async fn open(extra: &[(&str, &str)]) -> Self {
        let mut fixture = Fixture::of("provision-trigger").await;
        for (name, value) in extra {
            fixture.set(name, value);
        }
        let app = App::start_with(fixture.settings()).await.unwrap();
        Self { fixture, app }
    }

    /// Delivers one batch of bodies; gives the ids that have to come again.
    pub async fn deliver(&self, records: &[(&str, &str)]) -> Vec<String> {
        let event: SqsEvent = serde_json::from_value(testkit::runtime_api::sqs_event(records)).unwrap();
        let response = self.app.handle(event).await;
        response
            .batch_item_failures
            .into_iter()
            .map(|failure| failure.item_identifier)
            .collect()
    }

    /// Delivers one event; whether it was taken.
    pub async fn put(&self, event: &Value) -> bool {
        self.deliver(&[("r1", &event.to_string())]).await.is_empty()
    }

    /// How many numbers were bought and are kept.
    pub fn bought(&self) -> usize {
        self.fixture
            .simulator
            .ledger()
            .numbers
            .iter()
            .filter(|number| !number.platform)
            .count()
    }

    /// How many requests the carrier got for a resource.
    pub fn asked(&self, method: &str, part: &str) -> usize {
        let ledger = self.fixture.simulator.ledger();
        ledger
            .requests
            .iter()
            .filter(|request| request.method == method && request.path.contains(part))
            .count()
    }
}

/// A workspace event.
pub fn workspace(kind: &str, event_id: &str, id: Uuid, tier: &str) -> Value {
    json!({
        "id": event_id, "type": kind,
        "workspace": { "id": id, "name": "Acme", "slug": format!("acme-{id}"), "clerkOrganizationId": format!("org_{id}"), "subscriptionTier": tier },
        "areaCode": "405"
    })
}

/// A request for one more number.
pub fn request(event_id: &str, id: Uuid, number_type: &str) -> Value {
    json!({ "id": event_id, "type": "phone_number.requested", "workspace": { "id": id }, "numberType": number_type, "areaCode": "405" })
}
