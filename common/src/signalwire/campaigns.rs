//! Putting numbers into the 10DLC campaign (FACTS 10): without it a US number cannot text.

use super::{Client, Error, segment};
use serde::Deserialize;
use serde_json::{Value, json};

/// A campaign has 49 numbers, or with pooling some thousands.
const PAGES_MAX: usize = 50;

/// An order that assigns numbers to a campaign.
#[derive(Debug, Clone, Deserialize)]
pub struct CampaignOrder {
    /// The order's id.
    pub id: String,
    /// `pending`, `processing`, `processed`, `failed`.
    #[serde(default)]
    pub state: String,
}

/// A number in a campaign, or on its way.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// E.164.
    pub phone_number: String,
    /// `pending`, `completed` (live answers may say `complete`), `failed`.
    pub state: String,
}

impl Assignment {
    /// In our words.
    pub fn readiness(&self) -> (&'static str, Option<&'static str>) {
        match self.state.as_str() {
            "completed" | "complete" | "active" => ("ready", None),
            "failed" => (
                "failed",
                Some("the carrier could not assign the number to the messaging campaign"),
            ),
            _ => (
                "pending",
                Some("the carrier is assigning the number to the messaging campaign"),
            ),
        }
    }
}

#[derive(Deserialize)]
struct Assignments {
    #[serde(default)]
    data: Vec<Value>,
    #[serde(default)]
    links: Value,
}

impl Client {
    /// Which numbers are in a campaign.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn campaign_numbers(&self, campaign: &str) -> Result<Vec<Assignment>, Error> {
        let campaign = segment(campaign);
        let path = format!("/api/relay/rest/registry/beta/campaigns/{campaign}/numbers?page_size=1000");
        let mut next = Some(self.space(&path));
        let mut found = Vec::new();
        for _ in 0..PAGES_MAX {
            let Some(url) = next.take() else { break };
            let page: Assignments = self.send(self.http().get(url), 15).await?;
            found.extend(page.data.iter().filter_map(read));
            // the next page is on our own host, as a path or whole; any other is not followed
            next = page.links["next"]
                .as_str()
                .filter(|_| !page.data.is_empty())
                .and_then(|link| {
                    if link.starts_with('/') {
                        Some(self.space(link))
                    } else {
                        link.starts_with(&self.space("/")).then(|| link.to_owned())
                    }
                });
        }
        Ok(found)
    }

    /// Asks for a number to be put into a campaign. Assigning one twice has no further effect.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn assign_to_campaign(
        &self,
        campaign: &str,
        phone_number: &str,
        status_callback: &str,
    ) -> Result<CampaignOrder, Error> {
        let campaign = segment(campaign);
        let url = self.space(&format!(
            "/api/relay/rest/registry/beta/campaigns/{campaign}/orders"
        ));
        let order = json!({ "phone_numbers": [phone_number], "status_callback_url": status_callback });
        self.send(self.http().post(url).json(&order), 15).await
    }
}

/// The number stands there as a text or as an object (FACTS 15.14: keep parsers tolerant).
fn read(item: &Value) -> Option<Assignment> {
    let number = &item["phone_number"];
    let phone_number = [number, &number["number"], &number["e164"]]
        .into_iter()
        .find_map(Value::as_str)?;
    Some(Assignment {
        phone_number: phone_number.to_owned(),
        state: item["state"].as_str().unwrap_or("pending").to_owned(),
    })
}
