//! Messages out and in, on the workspace's own number.

use serde_json::{Value, json};
use simulator::Delivery;

use super::cast::{CUSTOMER, CUSTOMER_TYPED, admin, workspace};
use super::failed::Failed;
use super::stage::{Stage, text};

const PHOTO: &str = "https://media.example/leak-under-the-sink.jpg";

/// What was sent: the row's id and the carrier's SID.
pub(super) struct Sent {
    pub(super) id: String,
    pub(super) sid: String,
}

/// A send that has to be accepted; its statuses are in when this returns.
pub(super) async fn accepted(stage: &Stage<'_>, token: &str, message: &Value) -> Result<Sent, Failed> {
    let answer = stage.send(token, None, message).await?;
    stage.same("the answer's status", 201, answer.status)?;
    stage.stack.settle().await;
    let document = answer.json();
    Ok(Sent {
        id: text(&document["id"]),
        sid: text(&document["sid"]),
    })
}

/// The reports of a message, in their order.
pub(super) async fn reports(stage: &Stage<'_>, sent: &Sent) -> Result<String, Failed> {
    let sql = format!(
        "select string_agg(status, ' → ' order by message_status_rank(status)) as reports
         from status_reports where message_id = '{}'",
        sent.id
    );
    Ok(stage.rows(&sql).await?.get(0, "reports").to_owned())
}

/// The first message out, to a customer whom somebody typed into the contacts.
pub(super) async fn sms_out(stage: &mut Stage<'_>, number: &str) -> Result<Sent, Failed> {
    stage.step("An SMS to a customer, from the workspace's own number");
    let id = workspace();
    stage
        .write(&format!(
            "insert into contacts (workspace_id, first_name, last_name, phone)
             values ('{id}', 'Maria', 'Lopez', '{CUSTOMER_TYPED}')"
        ))
        .await?;
    stage.note("contact", format!("Maria Lopez, phone typed as {CUSTOMER_TYPED}"));
    let message = json!({
        "channel": "sms", "to": CUSTOMER, "workspaceId": id,
        "body": "Hi Maria, Acme Plumbing here. Does tomorrow at 9 suit you?",
    });
    let sent = accepted(stage, &stage.stack.token(&admin()), &message).await?;
    let row = stage
        .show(
            "conversation_messages",
            &format!(
                "select direction, status, sender_phone, recipient_phone, segments, external_id as sid
                 from conversation_messages where id = '{}'",
                sent.id
            ),
        )
        .await?;
    stage.same("the sender", number, row.get(0, "sender_phone"))?;
    stage.same("the row's SID", &sent.sid, row.get(0, "sid"))?;
    stage.same("the row's status", "delivered", row.get(0, "status"))?;
    let reports = reports(stage, &sent).await?;
    stage.same(
        "its status reports",
        "queued → sending → sent → delivered",
        &reports,
    )?;
    stage.tick(format!("accepted, then reported {reports}"));
    Ok(sent)
}

/// The customer answers. Gives the delivery, so that it can be repeated later.
pub(super) async fn reply_in(stage: &mut Stage<'_>, number: &str) -> Result<Delivery, Failed> {
    stage.step("The customer replies");
    let delivery = stage
        .stack
        .simulator()
        .inbound_sms(CUSTOMER, number, "Tomorrow at 9 is perfect. Thanks!")
        .await;
    webhook(stage, &delivery)?;
    let conversation = stage
        .show(
            "conversations",
            &format!(
                "select c.channel, c.status, c.business_phone, c.customer_phone, c.unread_count as unread,
                        c.message_count as messages, k.first_name || ' ' || k.last_name as contact
                 from conversations c left join contacts k on k.id = c.contact_id
                 where c.workspace_id = '{}' and c.channel = 'sms'",
                workspace()
            ),
        )
        .await?;
    thread(stage, number).await?;
    stage.same("SMS conversations", 1, conversation.rows.len())?;
    stage.same("messages in it", 2, conversation.get(0, "messages"))?;
    stage.same("unread", 1, conversation.get(0, "unread"))?;
    stage.same(
        "the linked contact",
        "Maria Lopez",
        conversation.get(0, "contact"),
    )?;
    stage.tick(format!(
        "one conversation, both messages in it, linked to the contact typed as {CUSTOMER_TYPED}"
    ));
    Ok(delivery)
}

/// A picture comes in.
pub(super) async fn mms_in(stage: &mut Stage<'_>, number: &str) -> Result<(), Failed> {
    stage.step("The customer sends a picture (MMS)");
    let delivery = stage
        .stack
        .simulator()
        .inbound_mms(CUSTOMER, number, "This is the leak", &[(PHOTO, "image/jpeg")])
        .await;
    webhook(stage, &delivery)?;
    let row = stage
        .show(
            "conversation_messages",
            &format!(
                "select direction, status, body, attachments -> 0 ->> 'url' as attachment
                 from conversation_messages where external_id = '{}'",
                delivery.sid
            ),
        )
        .await?;
    stage.same("rows with this SID", 1, row.rows.len())?;
    stage.same("the attachment's URL", PHOTO, row.get(0, "attachment"))?;
    let sql = format!(
        "select jsonb_array_length(attachments) as n, attachments::text as text
         from conversation_messages where external_id = '{}'",
        delivery.sid
    );
    let attachments = stage.rows(&sql).await?;
    stage.same("attachments", 1, attachments.get(0, "n"))?;
    stage.holds(
        attachments.get(0, "text").contains("image/jpeg"),
        "the attachment's type",
        "image/jpeg",
        attachments.get(0, "text"),
    )?;
    stage.tick("stored with URL and type; nothing was fetched");
    Ok(())
}

/// Prints an inbound message and fails unless it was answered as the carrier expects.
pub(super) fn webhook(stage: &Stage<'_>, delivery: &Delivery) -> Result<(), Failed> {
    stage.note("inbound", format!("{} → {}", delivery.from, delivery.to));
    stage.note("SID", &delivery.sid);
    if let Some(exchange) = delivery.exchanges.first() {
        let status = exchange
            .status
            .map_or_else(|| "none".to_owned(), |status| status.to_string());
        stage.note("answer", format!("{status} {}", exchange.body));
    }
    stage.holds(
        delivery.is_clean(),
        "the webhook's exchanges",
        "all answered, nothing to complain about",
        format!("errors {:?}, warnings {:?}", delivery.error(), delivery.warnings),
    )
}

/// The SMS conversation, message by message.
async fn thread(stage: &Stage<'_>, number: &str) -> Result<(), Failed> {
    let sql = format!(
        "select m.direction, m.status, m.body, m.external_id as sid
         from conversation_messages m join conversations c on c.id = m.conversation_id
         where c.business_phone = '{number}' and c.channel = 'sms' order by m.created_at, m.id"
    );
    stage.show("conversation_messages", &sql).await.map(|_| ())
}
