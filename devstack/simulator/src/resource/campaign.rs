//! 10DLC: orders that assign numbers to campaigns (FACTS 10).

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::text::iso8601;

/// An order of number assignments.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the carrier's own")]
pub struct OrderRecord {
    pub id: String,
    pub campaign_id: String,
    /// `pending`, `processing`, `processed`, `failed`.
    pub state: String,
    pub phone_numbers: Vec<String>,
    pub status_callback_url: Option<String>,
    pub processed_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl OrderRecord {
    pub(crate) fn relay(&self) -> Value {
        let mut order = json!({
            "id": self.id,
            "state": self.state,
            "created_at": iso8601(self.created_at),
            "updated_at": iso8601(self.updated_at),
        });
        // The schema makes both optional and neither null.
        if let Some(at) = self.processed_at {
            order["processed_at"] = json!(iso8601(at));
        }
        if let Some(url) = &self.status_callback_url {
            order["status_callback_url"] = json!(url);
        }
        order
    }
}

/// A number in a campaign, or on its way.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the carrier's own")]
pub struct AssignmentRecord {
    pub id: String,
    pub order_id: String,
    pub campaign_id: String,
    pub phone_number_id: String,
    pub phone_number: String,
    /// `pending`, `completed`, `failed`.
    pub state: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl AssignmentRecord {
    pub(crate) fn relay(&self) -> Value {
        json!({
            "id": self.id,
            "state": self.state,
            "campaign_id": self.campaign_id,
            "phone_number": { "id": self.phone_number_id, "name": self.phone_number, "number": self.phone_number },
            "created_at": iso8601(self.created_at),
            "updated_at": iso8601(self.updated_at),
        })
    }
}
