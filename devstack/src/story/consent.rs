//! STOP and START.

use serde_json::json;
use simulator::Operation;

use super::cast::{CUSTOMER, admin, workspace};
use super::failed::Failed;
use super::messages::{accepted, webhook};
use super::stage::{Stage, text};

/// STOP is confirmed, and nothing is sent after it.
pub(super) async fn stop(stage: &mut Stage<'_>, number: &str) -> Result<(), Failed> {
    stage.step("The customer texts STOP");
    let simulator = stage.stack.simulator();
    let delivery = simulator.inbound_sms(CUSTOMER, number, "Stop").await;
    stage.stack.settle().await;
    webhook(stage, &delivery)?;
    confirmed(stage, &delivery.replies, "unsubscribed")?;
    let row = opt_out(stage, number).await?;
    stage.same("opted out", "t", row.get(0, "opted_out"))?;
    stage.tick("confirmed to the customer, kept with word, message and time");

    stage.step("The workspace writes to her all the same");
    let asked = simulator.ledger().requests_of(Operation::SendMessage).len();
    let message = json!({
        "channel": "sms", "to": CUSTOMER, "workspaceId": workspace(), "body": "One more thing …",
    });
    let answer = stage.send(&stage.stack.token(&admin()), None, &message).await?;
    stage.same("the answer's status", 409, answer.status)?;
    stage.field(&answer.json(), "code", "opted_out")?;
    let asked_now = simulator.ledger().requests_of(Operation::SendMessage).len();
    stage.same("sends asked of the carrier", asked, asked_now)?;
    stage.tick("refused before the carrier heard of it");
    Ok(())
}

/// START brings her back.
pub(super) async fn start(stage: &mut Stage<'_>, number: &str) -> Result<(), Failed> {
    stage.step("The customer texts START, and is written to again");
    let simulator = stage.stack.simulator();
    let delivery = simulator.inbound_sms(CUSTOMER, number, "START").await;
    stage.stack.settle().await;
    webhook(stage, &delivery)?;
    confirmed(stage, &delivery.replies, "subscribed")?;
    let row = opt_out(stage, number).await?;
    stage.same("opted out", "f", row.get(0, "opted_out"))?;
    let message = json!({
        "channel": "sms", "to": CUSTOMER, "workspaceId": workspace(), "body": "Good to have you back, Maria.",
    });
    let sent = accepted(stage, &stage.stack.token(&admin()), &message).await?;
    let sql = format!(
        "select status from conversation_messages where id = '{}'",
        sent.id
    );
    let row = stage.rows(&sql).await?;
    stage.same("the row's status", "delivered", row.get(0, "status"))?;
    stage.tick("subscribed again, and the message was delivered");
    Ok(())
}

fn confirmed(stage: &Stage<'_>, replies: &[simulator::Reply], word: &str) -> Result<(), Failed> {
    let said: Vec<&str> = replies.iter().map(|reply| reply.body.as_str()).collect();
    stage.same("confirmations", 1, said.len())?;
    stage.holds(
        said.iter().all(|body| body.contains(word)),
        "the confirmation",
        &format!("says \"{word}\""),
        text(&json!(said)),
    )
}

async fn opt_out(stage: &Stage<'_>, number: &str) -> Result<crate::table::Table, Failed> {
    let sql = format!(
        "select business_phone, customer_phone, opted_out, word, changed_at
         from opt_outs where business_phone = '{number}' and customer_phone = '{CUSTOMER}'"
    );
    stage.show("opt_outs", &sql).await
}
