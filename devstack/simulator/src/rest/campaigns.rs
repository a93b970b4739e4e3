//! 10DLC number assignment (FACTS 10; rest-openapi, campaign-registry).

use std::sync::Arc;

use serde_json::Value;

use crate::{
    answer::Answer,
    carrier::Carrier,
    paging,
    resource::campaign::{AssignmentRecord, OrderRecord},
    text::{is_e164, is_web_url},
    wire::Params,
};

/// The one campaign id that does not exist; every other UUID does.
pub(crate) const NO_CAMPAIGN: &str = "00000000-0000-0000-0000-000000000000";

fn exists(campaign: &str) -> bool {
    campaign != NO_CAMPAIGN && uuid::Uuid::try_parse(campaign).is_ok()
}

impl Carrier {
    pub(super) fn campaign_numbers(&self, path: &str, campaign: &str, params: &Params) -> Answer {
        if !exists(campaign) {
            return Answer::json_error(404, "Not Found");
        }
        let wanted = params.filled("filter_state");
        let rows = self
            .state()
            .assignments
            .iter()
            .rev()
            .filter(|assignment| assignment.campaign_id == campaign)
            .filter(|assignment| wanted.is_none_or(|wanted| assignment.state == wanted))
            .map(|assignment| (assignment.id.clone(), assignment.relay()))
            .collect();
        paging::relay(&self.base_url, path, params, rows)
    }

    pub(super) fn campaign_orders(&self, path: &str, campaign: &str, params: &Params) -> Answer {
        if !exists(campaign) {
            return Answer::json_error(404, "Not Found");
        }
        let wanted = params.filled("filter_state");
        let rows = self
            .state()
            .orders
            .iter()
            .rev()
            .filter(|order| order.campaign_id == campaign)
            .filter(|order| wanted.is_none_or(|wanted| order.state == wanted))
            .map(|order| (order.id.clone(), order.relay()))
            .collect();
        paging::relay(&self.base_url, path, params, rows)
    }

    pub(super) fn get_order(&self, id: &str) -> Answer {
        match self.state().orders.iter().find(|order| order.id == id) {
            Some(order) => Answer::json(200, order.relay()),
            None => Answer::json_error(404, "Not Found"),
        }
    }

    /// Orders assignments; each number must be owned and in no campaign yet.
    pub(super) fn create_order(self: &Arc<Self>, campaign: &str, json: Option<&Value>) -> Answer {
        if !exists(campaign) {
            return Answer::json_error(404, "Not Found");
        }
        let Some(json) = json else {
            return Answer::relay_errors(422, "invalid_parameter", "Request body must be a JSON object");
        };
        let listed = json["phone_numbers"].as_array().into_iter().flatten();
        let phone_numbers: Option<Vec<String>> =
            listed.map(|number| number.as_str().map(str::to_owned)).collect();
        let Some(phone_numbers) = phone_numbers.filter(|numbers| !numbers.is_empty()) else {
            return Answer::relay_errors(422, "missing_required_parameter", "Phone numbers can't be blank");
        };
        let callback = json["status_callback_url"].as_str().filter(|url| !url.is_empty());
        if callback.is_some_and(|url| !is_web_url(url)) {
            return Answer::relay_errors(422, "invalid_parameter", "Status callback url is not a valid URL");
        }
        let mut state = self.state();
        let (order_id, now) = (state.random.sid(), state.now());
        let mut assignments = Vec::new();
        for phone_number in &phone_numbers {
            let number = state
                .owned(phone_number)
                .filter(|_| is_e164(phone_number))
                .map(|number| number.sid.clone());
            let taken = state
                .assignments
                .iter()
                .any(|assignment| assignment.phone_number == *phone_number && assignment.state != "failed");
            let Some(phone_number_id) = number.filter(|_| !taken) else {
                let detail = format!("{phone_number} is not available for assignment");
                return Answer::relay_errors(422, "not_available_for_assignment", &detail);
            };
            assignments.push(AssignmentRecord {
                id: state.random.sid(),
                order_id: order_id.clone(),
                campaign_id: campaign.to_owned(),
                phone_number_id,
                phone_number: phone_number.clone(),
                state: "pending".to_owned(),
                created_at: now,
                updated_at: now,
            });
        }
        let order = OrderRecord {
            id: order_id.clone(),
            campaign_id: campaign.to_owned(),
            state: "pending".to_owned(),
            phone_numbers,
            status_callback_url: callback.map(str::to_owned),
            processed_at: None,
            created_at: now,
            updated_at: now,
        };
        let answer = Answer::json(200, order.relay());
        state.orders.push(order);
        state.assignments.extend(assignments);
        drop(state);
        if self.config.auto_status {
            let carrier = Arc::clone(self);
            self.schedule(async move {
                carrier.process_order(&order_id).await;
            });
        }
        answer
    }

    pub(super) fn unassign(&self, id: &str) -> Answer {
        let mut state = self.state();
        let before = state.assignments.len();
        state.assignments.retain(|assignment| assignment.id != id);
        if state.assignments.len() == before {
            Answer::json_error(404, "Not Found")
        } else {
            Answer::no_content()
        }
    }
}
