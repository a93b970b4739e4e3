//! Putting numbers into the 10DLC campaign (FACTS 10): without it a US number cannot text.

use super::{Client, Error};
use serde::Deserialize;
use serde_json::json;

/// An order that assigns numbers to a campaign.
#[derive(Debug, Clone, Deserialize)]
pub struct CampaignOrder {
    /// The order's id.
    pub id: String,
    /// `pending`, `processing`, `processed`, `failed`.
    #[serde(default)]
    pub state: String,
}

impl Client {
    /// Asks for a number to be put into a campaign. Assigning one twice has no further effect.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn assign_to_campaign(&self, campaign: &str, phone_number: &str, status_callback: &str) -> Result<CampaignOrder, Error> {
        let campaign = percent_encoding::utf8_percent_encode(campaign, percent_encoding::NON_ALPHANUMERIC);
        let url = self.space(&format!("/api/relay/rest/registry/beta/campaigns/{campaign}/orders"));
        let order = json!({ "phone_numbers": [phone_number], "status_callback_url": status_callback });
        self.send(self.http().post(url).json(&order), 15).await
    }
}
