//! Clerk's events in our words.

use common::domain::Tier;
use common::event::{Event, Kind, Workspace};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

/// Why a signed event cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is missing or malformed")]
pub struct Malformed(pub &'static str);

/// The workspace of a Clerk organization or user: the UUIDv5 of the Clerk id in the OID namespace, so that every delivery agrees.
pub fn workspace_id(clerk_id: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, clerk_id.as_bytes())
}

/// Translates an event; `None` when it means nothing here.
///
/// # Errors
/// [`Malformed`] names the field.
pub fn translate(message_id: &str, body: &Value) -> Result<Option<Event>, Malformed> {
    let kind = body["type"].as_str().ok_or(Malformed("type"))?;
    let data = &body["data"];
    let mut ended_tier = None;
    let (kind, workspace) = match kind {
        "organization.created" | "organization.updated" => {
            let kind = if kind == "organization.created" {
                Kind::WorkspaceCreated
            } else {
                Kind::WorkspacePlanChanged
            };
            // An update that says nothing of a plan changes none: the plan may come from a subscription.
            let tier = metadata_tier(data).or((kind == Kind::WorkspaceCreated).then_some(Tier::Starter));
            (kind, organization(data, tier)?)
        }
        "organization.deleted" => (Kind::WorkspaceDeleted, organization(data, None)?),
        "user.created" => (Kind::WorkspaceCreated, personal(data)?),
        "user.deleted" => (
            Kind::WorkspaceDeleted,
            Workspace {
                subscription_tier: None,
                name: None,
                ..personal(data)?
            },
        ),
        "subscriptionItem.active" => (
            Kind::WorkspacePlanChanged,
            subscriber(data, plan_tier(data).or_else(|| metadata_tier(data)))?,
        ),
        "subscriptionItem.ended" | "subscriptionItem.canceled" => {
            // the free plan's own item ends when a paid one begins
            if plan_tier(data) == Some(Tier::Starter) {
                return Ok(None);
            }
            // and the old paid one's when another begins, in either order
            ended_tier = plan_tier(data).map(|tier| tier.as_str().to_owned());
            (Kind::WorkspacePlanChanged, subscriber(data, Some(Tier::Starter))?)
        }
        _ => return Ok(None),
    };
    let text = |name: &str| data["public_metadata"][name].as_str().map(str::to_owned);
    let area_code = text("areaCode")
        .or_else(|| text("area_code"))
        .or_else(|| text("preferredAreaCode"));
    Ok(Some(Event {
        id: message_id.to_owned(),
        kind,
        workspace,
        occurred_at: occurred_at(body),
        ended_tier,
        area_code: area_code.filter(|code| common::domain::area_code::is_shaped(code)),
        number_type: None,
        friendly_name: None,
        phone_number_id: None,
        order_id: None,
    }))
}

/// Clerk's own time of the event, in milliseconds.
fn occurred_at(body: &Value) -> Option<Timestamp> {
    body["timestamp"]
        .as_i64()
        .and_then(|millis| Timestamp::from_millisecond(millis).ok())
}

fn clerk_id(value: &Value, field: &'static str) -> Result<String, Malformed> {
    value
        .as_str()
        .filter(|id| !id.is_empty() && id.len() <= 100)
        .map(str::to_owned)
        .ok_or(Malformed(field))
}

fn workspace(id: String, name: Option<&str>, slug: Option<&str>, tier: Option<Tier>) -> Workspace {
    let cut = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    Workspace {
        id: workspace_id(&id),
        name: name
            .filter(|name| !name.trim().is_empty())
            .map(|name| cut(name, 200)),
        slug: slug
            .filter(|slug| !slug.trim().is_empty())
            .map(|slug| cut(slug, 100)),
        clerk_organization_id: Some(id),
        subscription_tier: tier.map(|tier| tier.as_str().to_owned()),
    }
}

fn organization(data: &Value, tier: Option<Tier>) -> Result<Workspace, Malformed> {
    Ok(workspace(
        clerk_id(&data["id"], "data.id")?,
        data["name"].as_str(),
        data["slug"].as_str(),
        tier,
    ))
}

/// A personal workspace is named after its user and is always Starter.
fn personal(data: &Value) -> Result<Workspace, Malformed> {
    let id = clerk_id(&data["id"], "data.id")?;
    let parts = [data["first_name"].as_str(), data["last_name"].as_str()];
    let full = parts
        .into_iter()
        .flatten()
        .filter(|part| !part.trim().is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    let name = if full.is_empty() {
        data["username"].as_str().unwrap_or("Personal workspace")
    } else {
        &full
    };
    Ok(workspace(id, Some(name), None, Some(Tier::Starter)))
}

fn subscriber(data: &Value, tier: Option<Tier>) -> Result<Workspace, Malformed> {
    let payer = &data["payer"];
    let id = [
        &payer["organization_id"],
        &payer["user_id"],
        &data["organization_id"],
        &data["user_id"],
    ]
    .into_iter()
    .find(|id| id.as_str().is_some_and(|id| !id.is_empty()))
    .ok_or(Malformed("data.payer"))?;
    let name = payer["organization_name"].as_str();
    Ok(workspace(
        clerk_id(id, "data.payer")?,
        name,
        payer["organization_slug"].as_str(),
        tier,
    ))
}

/// The tier that a plan's slug names: `pro`, `enterprise`, also inside a longer slug (`pro_monthly`, `enterprise-2026`).
fn plan_tier(data: &Value) -> Option<Tier> {
    tier_in(data["plan"]["slug"].as_str()?)
}

/// `public_metadata`: `subscriptionTier`, `subscription_tier` or `plan`.
fn metadata_tier(data: &Value) -> Option<Tier> {
    let metadata = &data["public_metadata"];
    ["subscriptionTier", "subscription_tier", "plan"]
        .into_iter()
        .find_map(|name| tier_in(metadata[name].as_str()?))
}

fn tier_in(text: &str) -> Option<Tier> {
    text.parse().ok().or_else(|| {
        text.split(['-', '_', ' ', '.', ':'])
            .find_map(|word| word.parse().ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(body: Value) -> Event {
        translate("msg_1", &body).unwrap().unwrap()
    }

    #[test]
    fn organizations() {
        let created = event(
            json!({"type": "organization.created", "timestamp": 1_700_000_000_000_i64, "data": {
            "id": "org_1", "name": "Acme", "slug": "acme", "public_metadata": {"plan": "pro", "areaCode": "212"}}}),
        );
        assert_eq!(
            (created.id.as_str(), created.kind),
            ("msg_1", Kind::WorkspaceCreated)
        );
        assert_eq!(created.workspace.id, workspace_id("org_1"));
        assert_eq!(created.workspace.id.get_version_num(), 5);
        assert_eq!(
            created.workspace.subscription_tier.as_deref(),
            Some("professional")
        );
        assert_eq!(created.area_code.as_deref(), Some("212"));
        assert!(created.occurred_at.is_some());
        let bare = event(json!({"type": "organization.created", "data": {"id": "org_1", "name": "Acme"}}));
        assert_eq!(bare.workspace.subscription_tier.as_deref(), Some("starter"));
        let updated =
            event(json!({"type": "organization.updated", "data": {"id": "org_1", "name": "Acme 2"}}));
        assert_eq!(
            (updated.kind, updated.workspace.subscription_tier),
            (Kind::WorkspacePlanChanged, None)
        );
        let deleted =
            event(json!({"type": "organization.deleted", "data": {"id": "org_1", "deleted": true}}));
        assert_eq!(
            (deleted.kind, deleted.workspace.id),
            (Kind::WorkspaceDeleted, workspace_id("org_1"))
        );
    }

    #[test]
    fn users() {
        let created = event(
            json!({"type": "user.created", "data": {"id": "user_1", "first_name": "Ada", "last_name": null, "public_metadata": {"plan": "enterprise"}}}),
        );
        assert_eq!(created.workspace.name.as_deref(), Some("Ada"));
        assert_eq!(created.workspace.subscription_tier.as_deref(), Some("starter"));
        assert_eq!(
            event(json!({"type": "user.deleted", "data": {"id": "user_1"}})).kind,
            Kind::WorkspaceDeleted
        );
    }

    #[test]
    fn subscriptions() {
        let item = |kind: &str, slug: &str| {
            translate("m", &json!({"type": kind, "data": {"plan": {"slug": slug}, "payer": {"organization_id": "org_1"}}})).unwrap()
        };
        let tier =
            |kind: &str, slug: &str| item(kind, slug).and_then(|event| event.workspace.subscription_tier);
        assert_eq!(
            tier("subscriptionItem.active", "pro_monthly").as_deref(),
            Some("professional")
        );
        assert_eq!(
            tier("subscriptionItem.active", "enterprise").as_deref(),
            Some("enterprise")
        );
        assert_eq!(
            tier("subscriptionItem.active", "free_org").as_deref(),
            Some("starter")
        );
        assert_eq!(tier("subscriptionItem.ended", "pro").as_deref(), Some("starter"));
        assert_eq!(
            tier("subscriptionItem.canceled", "pro").as_deref(),
            Some("starter")
        );
        assert_eq!(item("subscriptionItem.ended", "free_org"), None);
        let ended = item("subscriptionItem.ended", "pro").unwrap();
        assert_eq!(ended.ended_tier.as_deref(), Some("professional"));
        assert_eq!(item("subscriptionItem.active", "pro").unwrap().ended_tier, None);
    }

    #[test]
    fn others_mean_nothing_and_holes_are_named() {
        assert_eq!(
            translate("m", &json!({"type": "session.created", "data": {}})),
            Ok(None)
        );
        assert_eq!(translate("m", &json!({})), Err(Malformed("type")));
        assert_eq!(
            translate("m", &json!({"type": "organization.created", "data": {}})),
            Err(Malformed("data.id"))
        );
        assert_eq!(
            translate("m", &json!({"type": "subscriptionItem.active", "data": {}})),
            Err(Malformed("data.payer"))
        );
        assert_eq!(translate("m", &json!([1])), Err(Malformed("type")));
    }
}
