//! The events of the provisioning queue (spec P2): plain, or as the `detail` of an EventBridge event.

use crate::domain::{Tier, area_code};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A workspace came to be.
    #[serde(rename = "workspace.created")]
    WorkspaceCreated,
    /// Its plan, or something else about it, changed.
    #[serde(rename = "workspace.plan_changed")]
    WorkspacePlanChanged,
    /// It is gone.
    #[serde(rename = "workspace.deleted")]
    WorkspaceDeleted,
    /// Somebody wants a number.
    #[serde(rename = "phone_number.requested")]
    PhoneNumberRequested,
    /// Somebody gives one back.
    #[serde(rename = "phone_number.release_requested")]
    PhoneNumberReleaseRequested,
    /// Somebody wants an order tried again.
    #[serde(rename = "order.retry_requested")]
    OrderRetryRequested,
}

impl Kind {
    /// As it is written in `type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WorkspaceCreated => "workspace.created",
            Self::WorkspacePlanChanged => "workspace.plan_changed",
            Self::WorkspaceDeleted => "workspace.deleted",
            Self::PhoneNumberRequested => "phone_number.requested",
            Self::PhoneNumberReleaseRequested => "phone_number.release_requested",
            Self::OrderRetryRequested => "order.retry_requested",
        }
    }
}

/// The workspace as the event knows it; what is absent stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workspace {
    /// Ours.
    pub id: Uuid,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// For URLs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    /// Clerk's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clerk_organization_id: Option<String>,
    /// `starter`, `professional`, `enterprise` or an alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_tier: Option<String>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The sender's id: the same on every delivery.
    pub id: String,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// To whom.
    pub workspace: Workspace,
    /// When it happened at its source (RFC 3339); an older event that arrives late changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<jiff::Timestamp>,
    /// Which tier ended, where that is what happened: a workspace that has another one by now keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_tier: Option<String>,
    /// Where a number is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area_code: Option<String>,
    /// `primary`, `sales`, `support`, `custom`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number_type: Option<String>,
    /// What a person calls the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub friendly_name: Option<String>,
    /// Which number is given back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number_id: Option<Uuid>,
    /// Which order is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<Uuid>,
}

/// What is wrong with a document, without what stands in it: serde's own words quote values, and reasons are logged.
pub fn without_values(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    if error.is_data() && !words.starts_with("missing field") {
        return "a field is of another kind or has a value that does not exist".to_owned();
    }
    if error.is_syntax() || error.is_eof() || words.starts_with("missing field") {
        return words;
    }
    format!("it cannot be read{place}")
}

/// People write area codes as numbers, with blanks around them, or leave the field empty.
fn with_plain_area_code(mut event: Value) -> Value {
    if let Some(code) = event.get_mut("areaCode") {
        *code = match &*code {
            Value::Number(number) => Value::String(number.to_string()),
            Value::String(text) if text.trim().is_empty() => Value::Null,
            Value::String(text) => Value::String(text.trim().to_owned()),
            other => other.clone(),
        };
    }
    event
}

/// A record that no retry can cure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Poison(pub String);

impl Event {
    /// Reads a record's body.
    ///
    /// # Errors
    /// [`Poison`], with a reason that a person understands.
    pub fn read(body: &str) -> Result<Self, Poison> {
        let value: Value = serde_json::from_str(body)
            .map_err(|error| Poison(format!("the body is not JSON: {}", without_values(&error))))?;
        let value = match (value.get("detail-type"), value.get("detail")) {
            (Some(Value::String(kind)), Some(Value::Object(detail))) => {
                let mut detail = detail.clone();
                detail.insert("type".to_owned(), Value::String(kind.clone()));
                if let Some(id) = value.get("id") {
                    detail.entry("id").or_insert_with(|| id.clone());
                }
                if let Some(time) = value.get("time") {
                    detail.entry("occurredAt").or_insert_with(|| time.clone());
                }
                Value::Object(detail)
            }
            _ => value,
        };
        let event: Self = serde_json::from_value(with_plain_area_code(value))
            .map_err(|error| Poison(format!("no such event: {}", without_values(&error))))?;
        event.check()?;
        Ok(event.storable())
    }

    /// The same in text that Postgres can keep.
    fn storable(mut self) -> Self {
        let workspace = &mut self.workspace;
        let texts = [
            &mut workspace.name,
            &mut workspace.slug,
            &mut workspace.clerk_organization_id,
            &mut self.friendly_name,
        ];
        for text in texts.into_iter().flatten().chain([&mut self.id]) {
            if text.contains('\0') {
                *text = text.replace('\0', "\u{fffd}");
            }
        }
        self
    }

    fn check(&self) -> Result<(), Poison> {
        let long = |text: &Option<String>, most: usize| {
            text.as_ref().is_some_and(|text| text.chars().count() > most)
        };
        if self.id.is_empty() || self.id.len() > 200 {
            return Err(Poison("`id` is empty or longer than 200 bytes".into()));
        }
        self.tier()?;
        self.ended_tier()?;
        if let Some(code) = &self.area_code
            && !area_code::is_shaped(code)
        {
            return Err(Poison(
                "`areaCode` is not three digits, the first from 2 to 9".into(),
            ));
        }
        if let Some(kind) = &self.number_type
            && !["primary", "sales", "support", "custom"].contains(&kind.as_str())
        {
            return Err(Poison(
                "`numberType` is none of primary, sales, support, custom".into(),
            ));
        }
        if long(&self.workspace.name, 500)
            || long(&self.workspace.slug, 200)
            || long(&self.friendly_name, 200)
        {
            return Err(Poison(
                "a name is longer than it may be (name 500, slug 200, friendlyName 200)".into(),
            ));
        }
        match self.kind {
            Kind::PhoneNumberReleaseRequested if self.phone_number_id.is_none() => {
                Err(Poison("`phoneNumberId` is missing".into()))
            }
            Kind::OrderRetryRequested if self.order_id.is_none() => {
                Err(Poison("`orderId` is missing".into()))
            }
            _ => Ok(()),
        }
    }

    /// The tier, if the event states one.
    ///
    /// # Errors
    /// [`Poison`] when there is no such tier.
    pub fn tier(&self) -> Result<Option<Tier>, Poison> {
        tier_of("subscriptionTier", self.workspace.subscription_tier.as_deref())
    }

    /// The tier that ended, if the event says so.
    ///
    /// # Errors
    /// [`Poison`] when there is no such tier.
    pub fn ended_tier(&self) -> Result<Option<Tier>, Poison> {
        tier_of("endedTier", self.ended_tier.as_deref())
    }
}

fn tier_of(field: &str, text: Option<&str>) -> Result<Option<Tier>, Poison> {
    text.map(str::parse)
        .transpose()
        .map_err(|error| Poison(format!("`{field}`: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = r#"{"id":"e1","type":"workspace.created","workspace":{"id":"0192f0c1-0000-7000-8000-000000000001",
        "name":"Acme","slug":"acme","clerkOrganizationId":"org_1","subscriptionTier":"pro"},"areaCode":"405","unknown":1}"#;

    #[test]
    fn plain_and_in_an_envelope() {
        let plain = Event::read(PLAIN).unwrap();
        assert_eq!(plain.tier().unwrap(), Some(Tier::Professional));
        let envelope = format!(
            r#"{{"version":"0","id":"eb","detail-type":"workspace.created","source":"app","time":"2026-01-01T00:00:00Z","detail":{PLAIN}}}"#
        );
        let enveloped = Event::read(&envelope).unwrap();
        assert_eq!(
            Event {
                occurred_at: None,
                ..enveloped
            },
            plain
        );
    }

    #[test]
    fn area_codes_as_people_write_them() {
        for (written, meant) in [
            ("405", Some("405")),
            ("\" 405 \"", Some("405")),
            ("\"\"", None),
            ("null", None),
        ] {
            let event = Event::read(&PLAIN.replace("\"405\"", written)).unwrap();
            assert_eq!(event.area_code.as_deref(), meant, "{written}");
        }
    }

    #[test]
    fn poison_says_why() {
        for (change, reason) in [
            (("\"pro\"", "\"gold\""), "subscriptionTier"),
            (("workspace.created", "workspace.exploded"), "no such event"),
            (("\"405\"", "\"12\""), "areaCode"),
            (("{\"id\":\"e1\"", "{\"id\":\"\""), "`id`"),
            (("\"e1\"", "\"e1\",\"numberType\":\"x\""), "numberType"),
            (("workspace.created", "order.retry_requested"), "orderId"),
            (
                ("workspace.created", "phone_number.release_requested"),
                "phoneNumberId",
            ),
        ] {
            let error = Event::read(&PLAIN.replacen(change.0, change.1, 1)).unwrap_err();
            assert!(error.0.contains(reason), "{error}");
        }
        for body in ["", "[]", "{}", "null", "{\"detail-type\":\"x\",\"detail\":{}}"] {
            assert!(Event::read(body).is_err(), "{body}");
        }
    }
}
