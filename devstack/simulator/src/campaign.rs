//! Campaign orders on their way: pending, then done or failed, with JSON callbacks (FACTS 10).

use serde_json::json;

use crate::{
    carrier::Carrier,
    ledger::{Exchange, WebhookKind},
    text::iso8601,
    webhook::deliver::{Payload, Webhook},
};

/// The brand of every campaign here.
const BRAND_ID: &str = "3fa85f64-5717-4562-b3fc-2c963f66afa6";

impl Carrier {
    /// Walks an order through its life. It is processed even while single numbers fail.
    pub(crate) async fn process_order(&self, order_id: &str) -> Vec<Exchange> {
        let mut exchanges = Vec::new();
        self.pause().await;
        let assignments: Vec<(String, String)> = self
            .state()
            .assignments
            .iter()
            .filter(|assignment| assignment.order_id == order_id)
            .map(|assignment| (assignment.id.clone(), assignment.phone_number.clone()))
            .collect();
        for (id, _) in &assignments {
            exchanges.extend(
                self.report_assignment(order_id, id, "number_assignment_pending", "pending")
                    .await,
            );
        }
        self.pause().await;
        for (id, phone_number) in &assignments {
            let fails = self.state().assignment_failures.contains(phone_number);
            let (event, state) = if fails {
                ("number_assignment_failed", "failed")
            } else {
                ("number_assignment_activated", "completed")
            };
            exchanges.extend(self.report_assignment(order_id, id, event, state).await);
        }
        let webhook = {
            let mut state = self.state();
            let now = state.now();
            let Some(order) = state.orders.iter_mut().find(|order| order.id == order_id) else {
                return exchanges;
            };
            "processed".clone_into(&mut order.state);
            (order.processed_at, order.updated_at) = (Some(now), now);
            let Some(url) = order.status_callback_url.clone() else {
                return exchanges;
            };
            let body = json!({
                "project_id": self.config.project_id,
                "event_at": iso8601(now),
                "event_category": "number_assignment_order",
                "event_type": "number_assignment_order_processed",
                "state": "processed",
                "brand_id": BRAND_ID,
                "campaign_id": order.campaign_id,
                "number_assignment_order_id": order_id,
            });
            campaign_webhook(order_id, url, body.to_string())
        };
        exchanges.extend(self.report(webhook).await);
        exchanges
    }

    async fn report_assignment(&self, order_id: &str, id: &str, event: &str, to: &str) -> Vec<Exchange> {
        let webhook = {
            let mut state = self.state();
            let now = state.now();
            let order = state.orders.iter().find(|order| order.id == order_id);
            let url = order.and_then(|order| order.status_callback_url.clone());
            let Some(assignment) = state
                .assignments
                .iter_mut()
                .find(|assignment| assignment.id == id)
            else {
                return Vec::new();
            };
            to.clone_into(&mut assignment.state);
            assignment.updated_at = now;
            let Some(url) = url else { return Vec::new() };
            let body = json!({
                "project_id": self.config.project_id,
                "event_at": iso8601(now),
                "event_category": "number_assignment",
                "event_type": event,
                "state": to,
                "brand_id": BRAND_ID,
                "campaign_id": assignment.campaign_id,
                "number_assignment_order_id": order_id,
                "number_assignment_id": assignment.id,
                "phone_number_id": assignment.phone_number_id,
                "phone_number": assignment.phone_number,
            });
            campaign_webhook(id, url, body.to_string())
        };
        self.report(webhook).await
    }
}

fn campaign_webhook(sid: &str, url: String, body: String) -> Webhook {
    let (sid, method) = (sid.to_owned(), "POST".to_owned());
    Webhook {
        kind: WebhookKind::Campaign,
        sid,
        url,
        method,
        payload: Payload::Json(body),
    }
}
