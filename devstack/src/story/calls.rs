//! Calls in and out.

use serde_json::json;
use simulator::{CallScript, DialOutcome, WebhookKind};

use super::cast::{AGENT, CUSTOMER, MOBILE, admin, workspace};
use super::failed::Failed;
use super::messages::{accepted, webhook};
use super::stage::Stage;

const VOICEMAIL: &str = "Hello, it is Maria. The sink is leaking again, please call me back.";

/// Nobody is there: voicemail, with recording and transcription.
pub(super) async fn voicemail(stage: &mut Stage<'_>, number: &str) -> Result<(), Failed> {
    stage.step("The customer calls and leaves a voice message");
    let script = CallScript::leaves_voicemail(14, VOICEMAIL);
    let simulator = stage.stack.simulator();
    let delivery = simulator.inbound_call(CUSTOMER, number, script).await;
    stage.stack.settle().await;
    webhook(stage, &delivery)?;
    stage.note("callbacks", callbacks(&delivery.exchanges));
    stage.same(
        "the verbs of the answer",
        "Say, Record",
        delivery.verb_names().join(", "),
    )?;
    let row = stage
        .show(
            "conversation_messages",
            &format!(
                "select direction, status, call_duration as seconds, call_recording_sid as recording,
                        call_transcription as transcription
                 from conversation_messages where external_id = '{}'",
                delivery.sid
            ),
        )
        .await?;
    stage.same("rows with this SID", 1, row.rows.len())?;
    stage.same("the call's status", "completed", row.get(0, "status"))?;
    stage.same("the transcription", VOICEMAIL, row.get(0, "transcription"))?;
    let sql = format!(
        "select call_recording_url as url from conversation_messages where external_id = '{}'",
        delivery.sid
    );
    let recording = stage.rows(&sql).await?;
    let url = recording.get(0, "url");
    stage.note("recording", url);
    let sid = delivery
        .recordings
        .first()
        .map_or("(none recorded)", String::as_str);
    stage.holds(
        url.contains(sid),
        "the recording's URL",
        &format!("one that names {sid}"),
        url,
    )?;
    let seconds: u32 = row.get(0, "seconds").parse().unwrap_or(0);
    stage.holds(seconds >= 14, "the call's duration", "14 s at least", seconds)?;
    stage.tick("one message for the call, completed by its callbacks: duration, recording, words");
    Ok(())
}

/// The number is forwarded.
pub(super) async fn forwarded(stage: &mut Stage<'_>, number: &str) -> Result<(), Failed> {
    stage.step("Calls are forwarded to the plumber's mobile; the customer calls again");
    stage
        .write(&format!(
            "insert into voice_settings (phone_number_id, forward_to)
             select id, '{{{MOBILE}}}' from workspace_phone_numbers where phone_number = '{number}'"
        ))
        .await?;
    stage.note("voice_settings", format!("forward_to {{{MOBILE}}}"));
    let simulator = stage.stack.simulator();
    let delivery = simulator
        .inbound_call(CUSTOMER, number, CallScript::answered(42))
        .await;
    stage.stack.settle().await;
    webhook(stage, &delivery)?;
    stage.same("legs that were dialled", 1, delivery.legs.len())?;
    for leg in &delivery.legs {
        stage.note(
            "dialled",
            format!("{} showing {}: {}", leg.to, leg.caller_id, leg.status),
        );
        stage.same("who was dialled", MOBILE, &leg.to)?;
        stage.same("the caller id", number, &leg.caller_id)?;
    }
    let row = stage
        .show(
            "conversation_messages",
            &format!(
                "select direction, status, dial_status, call_duration as seconds, external_id as sid
                 from conversation_messages where external_id = '{}'",
                delivery.sid
            ),
        )
        .await?;
    stage.same("the call's status", "completed", row.get(0, "status"))?;
    stage.same("the forwarded leg's end", "completed", row.get(0, "dial_status"))?;
    stage.same("the call's duration", 42, row.get(0, "seconds"))?;
    stage.tick("the mobile rang, showing the workspace's number; they talked for 42 s");
    Ok(())
}

/// A call that speaks.
pub(super) async fn spoken(stage: &mut Stage<'_>, number: &str) -> Result<(), Failed> {
    stage.step("A call out that speaks a text");
    let message = json!({
        "channel": "call", "to": CUSTOMER, "workspaceId": workspace(),
        "body": "This is Acme Plumbing & Sons. We are on our way.",
    });
    let sent = accepted(stage, &stage.stack.token(&admin()), &message).await?;
    let ledger = stage.stack.simulator().ledger();
    let script = format!("/voice/outbound/{}", sent.id);
    let said = ledger
        .exchanges_of(WebhookKind::Voice)
        .into_iter()
        .find(|exchange| exchange.url.ends_with(&script))
        .map_or_else(
            || "(the script was never asked for)".to_owned(),
            |exchange| exchange.body.clone(),
        );
    stage.note("cXML", &said);
    stage.holds(
        said.contains("<Say>This is Acme Plumbing &amp; Sons."),
        "the script",
        "<Say> with the text, escaped",
        &said,
    )?;
    let row = call_row(stage, &sent.id).await?;
    stage.same("who called", number, row.get(0, "sender_phone"))?;
    stage.same("the call's status", "completed", row.get(0, "status"))?;
    stage.tick("rung, answered, spoken, completed");
    Ok(())
}

/// A call that joins two people.
pub(super) async fn connected(stage: &mut Stage<'_>, number: &str) -> Result<(), Failed> {
    stage.step("A call out that joins an agent with the customer");
    let simulator = stage.stack.simulator();
    simulator.script_calls_to(
        AGENT,
        DialOutcome::Answered { seconds: 75 },
        CallScript::answered(75),
    );
    let message = json!({
        "channel": "call", "to": CUSTOMER, "connect": AGENT, "workspaceId": workspace(),
        "body": "Connecting you with Maria Lopez.",
    });
    let sent = accepted(stage, &stage.stack.token(&admin()), &message).await?;
    let ledger = simulator.ledger();
    let first = ledger
        .call(&sent.sid)
        .map_or("(no call)", |call| call.to.as_str());
    stage.note("rung first", first);
    stage.same("who is rung first", AGENT, first)?;
    let legs: Vec<_> = ledger
        .calls
        .iter()
        .filter(|call| call.parent_call_sid.as_deref() == Some(sent.sid.as_str()))
        .collect();
    stage.same("legs that were dialled", 1, legs.len())?;
    for leg in legs {
        stage.note(
            "then",
            format!("{} showing {}: {}", leg.to, leg.from, leg.status()),
        );
        stage.same("who is dialled then", CUSTOMER, &leg.to)?;
        stage.same("what the customer sees", number, &leg.from)?;
    }
    let row = call_row(stage, &sent.id).await?;
    stage.same("the call's status", "completed", row.get(0, "status"))?;
    stage.same("the customer", CUSTOMER, row.get(0, "recipient_phone"))?;
    stage.tick("the agent picked up, then the customer, who saw the workspace's number");
    Ok(())
}

async fn call_row(stage: &Stage<'_>, id: &str) -> Result<crate::table::Table, Failed> {
    let sql = format!(
        "select direction, status, sender_phone, recipient_phone, call_duration as seconds, external_id as sid
         from conversation_messages where id = '{id}'"
    );
    stage.show("conversation_messages", &sql).await
}

fn callbacks(exchanges: &[simulator::Exchange]) -> String {
    let shown: Vec<String> = exchanges
        .iter()
        .skip(1)
        .map(|exchange| {
            let path = exchange.url.split("/signalwire/").nth(1).unwrap_or(&exchange.url);
            let path = path.split('?').next().unwrap_or(path);
            format!("{path} {}", exchange.status.unwrap_or(0))
        })
        .collect();
    shown.join(", ")
}
