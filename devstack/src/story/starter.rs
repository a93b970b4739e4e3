//! A Starter workspace on the shared platform number.

use serde_json::json;

use super::cast::{NEIGHBOUR, STRANGER, USER, personal_workspace, user};
use super::failed::Failed;
use super::messages::{accepted, webhook};
use super::stage::Stage;
use crate::clerk::{ClerkWebhook, user_created};
use crate::fixture::{CLERK_SECRET, PLATFORM_NUMBER};

/// A user signs up: a workspace without a number.
pub(super) async fn signs_up(stage: &mut Stage<'_>) -> Result<(), Failed> {
    stage.step("Clerk reports a new user: a personal Starter workspace");
    let webhook = ClerkWebhook::new(CLERK_SECRET, &user_created(USER, "Sam", "Rivera"));
    stage.clerk(&webhook).await?;
    let sql = format!(
        "select w.id, w.name, w.subscription_tier,
                (select count(*) from workspace_phone_numbers n where n.workspace_id = w.id) as numbers,
                (select count(*) from provisioning_orders o where o.workspace_id = w.id) as orders
         from workspaces w where clerk_organization_id = '{USER}'"
    );
    let row = stage.show("workspaces", &sql).await?;
    stage.same("its id", personal_workspace(), row.get(0, "id"))?;
    stage.same("its tier", "starter", row.get(0, "subscription_tier"))?;
    stage.same("its numbers", 0, row.get(0, "numbers"))?;
    stage.same("its orders", 0, row.get(0, "orders"))?;
    stage.tick("no number is bought: Starter uses the platform number");
    Ok(())
}

/// It writes from the shared number, and the answer finds it.
pub(super) async fn writes_and_hears_back(stage: &mut Stage<'_>) -> Result<(), Failed> {
    stage.step("It writes from the platform number");
    let id = personal_workspace();
    let message = json!({
        "channel": "sms", "to": NEIGHBOUR, "workspaceId": id, "body": "Sam here. Still interested in the bike?",
    });
    let sent = accepted(stage, &stage.stack.token(&user()), &message).await?;
    let sql = format!(
        "select direction, status, sender_phone, recipient_phone, external_id as sid
         from conversation_messages where id = '{}'",
        sent.id
    );
    let row = stage.show("conversation_messages", &sql).await?;
    stage.same("the sender", PLATFORM_NUMBER, row.get(0, "sender_phone"))?;
    stage.same("the row's status", "delivered", row.get(0, "status"))?;
    stage.tick(format!("sent from {PLATFORM_NUMBER} and delivered"));

    stage.step("The reply comes back to that workspace");
    let simulator = stage.stack.simulator();
    let delivery = simulator
        .inbound_sms(NEIGHBOUR, PLATFORM_NUMBER, "Yes! Can I see it tonight?")
        .await;
    webhook(stage, &delivery)?;
    let sql = format!(
        "select w.name as workspace, m.direction, m.body, m.external_id as sid
         from conversation_messages m join workspaces w on w.id = m.workspace_id
         where m.external_id = '{}'",
        delivery.sid
    );
    let row = stage.show("conversation_messages", &sql).await?;
    stage.same("rows with this SID", 1, row.rows.len())?;
    stage.same("whose it is", "Sam Rivera", row.get(0, "workspace"))?;
    stage.tick("on the shared number, the workspace that last wrote to this customer gets the reply");
    Ok(())
}

/// Somebody writes to the platform number out of the blue.
pub(super) async fn stranger(stage: &mut Stage<'_>) -> Result<(), Failed> {
    stage.step("A stranger texts the platform number");
    let simulator = stage.stack.simulator();
    let delivery = simulator
        .inbound_sms(STRANGER, PLATFORM_NUMBER, "Who is this?")
        .await;
    webhook(stage, &delivery)?;
    let sql = format!(
        "select channel, sender_phone, recipient_phone, body from unrouted_messages where external_id = '{}'",
        delivery.sid
    );
    let row = stage.show("unrouted_messages", &sql).await?;
    stage.same("rows with this SID", 1, row.rows.len())?;
    let messages = format!("conversation_messages where external_id = '{}'", delivery.sid);
    stage.same("messages with this SID", 0, stage.count(&messages).await?)?;
    stage.tick("kept, shown to nobody, and answered with an empty document");
    Ok(())
}
