//! A Pro workspace gets its number.

use simulator::Operation;

use super::cast::{AREA_CODE, NAME, ORGANIZATION, SLUG, workspace};
use super::failed::Failed;
use super::stage::{Stage, text};
use crate::clerk::{ClerkWebhook, organization_created};
use crate::fixture::CLERK_SECRET;

/// Clerk tells of the organization; the workspace's row follows.
pub(super) async fn clerk_creates_the_workspace(stage: &mut Stage<'_>) -> Result<ClerkWebhook, Failed> {
    stage.step("Clerk reports a new organization on the Pro plan");
    let event = organization_created(ORGANIZATION, NAME, SLUG, "pro", AREA_CODE);
    let webhook = ClerkWebhook::new(CLERK_SECRET, &event);
    let answer = stage.clerk(&webhook).await?;
    stage.same("`queued` of the answer", "true", text(&answer.json()["queued"]))?;
    let sql = format!(
        "select id, name, subscription_tier, is_active from workspaces where clerk_organization_id = '{ORGANIZATION}'"
    );
    let row = stage.show("workspaces", &sql).await?;
    stage.same("workspaces of the organization", 1, row.rows.len())?;
    stage.same("its id", workspace(), row.get(0, "id"))?;
    stage.same("its tier", "professional", row.get(0, "subscription_tier"))?;
    stage.tick("the event went over the queue, and the workspace is there");
    Ok(webhook)
}

/// The number: the order, the row, and how the carrier has it. Gives the number.
pub(super) async fn a_number_is_bought(stage: &mut Stage<'_>) -> Result<String, Failed> {
    stage.step("provision-trigger buys the number, without anyone asking");
    let id = workspace();
    let order = stage
        .show(
            "provisioning_orders",
            &format!(
                "select id, state, attempts, area_code, number_type, phone_number
                 from provisioning_orders where workspace_id = '{id}'"
            ),
        )
        .await?;
    stage.same("orders of the workspace", 1, order.rows.len())?;
    stage.same("the order's state", "active", order.get(0, "state"))?;
    let row = stage
        .show(
            "workspace_phone_numbers",
            &format!(
                "select phone_number, phone_number_sid, status, number_type, monthly_cost_cents as cents
                 from workspace_phone_numbers where workspace_id = '{id}'"
            ),
        )
        .await?;
    stage.same("numbers of the workspace", 1, row.rows.len())?;
    stage.same("its status", "active", row.get(0, "status"))?;
    stage.same("its type", "primary", row.get(0, "number_type"))?;
    let number = row.get(0, "phone_number").to_owned();
    stage.holds(
        number.starts_with(&format!("+1{AREA_CODE}")),
        "the number's area code",
        AREA_CODE,
        &number,
    )?;

    let ledger = stage.stack.simulator().ledger();
    let Some(owned) = ledger.number(&number) else {
        return stage
            .holds(false, "the carrier's list", &number, "it is not there")
            .map(|()| number);
    };
    stage.same(
        "the SID at the carrier",
        row.get(0, "phone_number_sid"),
        &owned.sid,
    )?;
    let hooks = [
        ("SmsUrl", &owned.sms_hook, "sms"),
        ("SmsFallbackUrl", &owned.sms_fallback, "fallback/sms"),
        ("VoiceUrl", &owned.voice_hook, "voice"),
        ("VoiceFallbackUrl", &owned.voice_fallback, "fallback/voice"),
        ("StatusCallback", &owned.status_callback, "status"),
    ];
    stage.line("      at the carrier");
    stage.line(&format!("        {:<17} {}", "FriendlyName", owned.friendly_name));
    for (name, hook, tail) in hooks {
        let url = hook.url.as_deref().unwrap_or("(none)");
        stage.line(&format!(
            "        {name:<17} {} {url}",
            hook.method.as_deref().unwrap_or("POST")
        ));
        let expected = format!("{}/api/webhooks/signalwire/{tail}", stage.stack.urls().gateway);
        stage.same(name, expected, url)?;
    }
    let order_id = order.get(0, "id");
    stage.holds(
        owned.friendly_name.starts_with(NAME) && owned.friendly_name.contains(order_id),
        "FriendlyName",
        "the workspace's name, then the order's id",
        &owned.friendly_name,
    )?;
    let purchases = ledger.requests_of(Operation::Purchase).len();
    stage.same("purchases asked of the carrier", 1, purchases)?;
    stage.tick(format!(
        "{number} is bought in one purchase that carries all URLs"
    ));
    Ok(number)
}
