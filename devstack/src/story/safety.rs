//! What must not happen: forgeries get in, repeats count twice.

use serde_json::json;
use simulator::{Delivery, Operation};

use super::cast::{CUSTOMER, admin, workspace};
use super::failed::Failed;
use super::stage::{Stage, text};
use crate::clerk::ClerkWebhook;

const SMS: &str = "/api/webhooks/signalwire/sms";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// The number of rows that any inbound message would add to.
async fn rows(stage: &Stage<'_>) -> Result<i64, Failed> {
    stage
        .count(
            "(select 1 from conversation_messages union all select 1 from unrouted_messages
               union all select 1 from status_reports union all select 1 from workspaces
               union all select 1 from provisioning_orders) as everything",
        )
        .await
}

/// Neither carrier nor Clerk signed these.
pub(super) async fn forged(stage: &mut Stage<'_>, number: &str) -> Result<(), Failed> {
    stage.step("Somebody forges a webhook");
    let before = rows(stage).await?;
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("To", number),
            ("From", CUSTOMER),
            ("Body", "Please wire me $500"),
            ("MessageSid", "SM-forged"),
        ])
        .finish();
    stage.note("body", &body);
    for (what, signature) in [
        ("without a signature", None),
        ("with an invented one", Some("c2lnbmVkLCBob25lc3RseQ==")),
    ] {
        stage.note("SMS webhook", what);
        let mut headers = vec![FORM];
        headers.extend(signature.map(|signature| ("x-signalwire-signature", signature)));
        let answer = stage.post(SMS, &headers, &body).await?;
        stage.same("the answer's status", 403, answer.status)?;
    }
    let headers = [
        ("content-type", "application/json"),
        ("svix-id", "msg_forged"),
        ("svix-timestamp", "1700000000"),
        ("svix-signature", "v1,c2lnbmVkLCBob25lc3RseQ=="),
    ];
    let event = json!({ "type": "organization.created", "data": { "id": "org_forged", "name": "Forged" } });
    let answer = stage
        .post("/api/webhooks/clerk", &headers, &event.to_string())
        .await?;
    stage.same("the answer's status", 401, answer.status)?;
    stage.stack.settle().await;
    stage.same("rows in all tables", before, rows(stage).await?)?;
    stage.tick("403 from the carrier's webhook, 401 from Clerk's, and not one row more");
    Ok(())
}

/// Carrier and Clerk deliver again what they have delivered.
pub(super) async fn repeated(
    stage: &mut Stage<'_>,
    clerk: &ClerkWebhook,
    reply: &Delivery,
) -> Result<(), Failed> {
    stage.step("Carrier and Clerk deliver the same webhooks again");
    let simulator = stage.stack.simulator();
    let before = rows(stage).await?;
    let numbers = simulator.ledger().numbers.len();
    let again = simulator.redeliver(reply).await;
    webhook_again(stage, &again)?;
    stage.clerk(clerk).await?;
    stage.same("rows in all tables", before, rows(stage).await?)?;
    let ledger = simulator.ledger();
    stage.same("numbers at the carrier", numbers, ledger.numbers.len())?;
    stage.same("purchases", 1, ledger.requests_of(Operation::Purchase).len())?;
    stage.tick("same answers, no row and no number more");
    Ok(())
}

fn webhook_again(stage: &Stage<'_>, again: &Delivery) -> Result<(), Failed> {
    let status = again.status().unwrap_or(0);
    stage.note("SMS webhook", format!("SID {} again: {status}", again.sid));
    stage.same("the answer's status", 200, status)
}

/// One key, one send.
pub(super) async fn same_key(stage: &mut Stage<'_>) -> Result<(), Failed> {
    stage.step("A client sends twice with one Idempotency-Key");
    let simulator = stage.stack.simulator();
    let token = stage.stack.token(&admin());
    let mut message = json!({
        "channel": "sms", "to": CUSTOMER, "workspaceId": workspace(), "body": "Your invoice is ready.",
    });
    let key = "invoice-4711";
    stage.note("Idempotency-Key", key);
    let before = simulator.ledger().requests_of(Operation::SendMessage).len();
    let first = stage.send(&token, Some(key), &message).await?;
    stage.same("the first answer's status", 201, first.status)?;
    let second = stage.send(&token, Some(key), &message).await?;
    stage.same("the second answer's status", 201, second.status)?;
    let replayed = second.header("idempotent-replayed").unwrap_or("(absent)");
    stage.note("", format!("Idempotent-Replayed: {replayed}"));
    stage.same("Idempotent-Replayed", "true", replayed)?;
    stage.same("the second answer", &first.body, &second.body)?;
    message["body"] = json!("Another text under the same key.");
    let other = stage.send(&token, Some(key), &message).await?;
    stage.same("the third answer's status", 422, other.status)?;
    stage.field(&other.json(), "code", "idempotency_mismatch")?;
    stage.stack.settle().await;
    let after = simulator.ledger().requests_of(Operation::SendMessage).len();
    stage.same("sends asked of the carrier", before + 1, after)?;
    let id = text(&first.json()["id"]);
    let sql = format!("select status from conversation_messages where id = '{id}'");
    stage.same(
        "the row's status",
        "delivered",
        stage.rows(&sql).await?.get(0, "status"),
    )?;
    stage.tick("sent once; the repeat got the same answer, another text under the same key 422");
    Ok(())
}
