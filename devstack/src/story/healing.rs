//! What breaks, and how it comes right: Postgres is away, a URL is wrong.

use simulator::WebhookKind;

use super::cast::{CUSTOMER, workspace};
use super::failed::Failed;
use super::messages::webhook;
use super::stage::{Stage, text};
use crate::stack::{Schedule, Work};

/// Nothing listens there.
pub(super) const NOWHERE: &str = "http://127.0.0.1:9/";

/// A message arrives that cannot be stored. Gives its SID.
pub(super) async fn without_postgres(stage: &mut Stage<'_>, number: &str) -> Result<String, Failed> {
    stage.step("Postgres goes away, and the customer writes");
    let before = messages(stage, number).await?;
    let away = stage.stack.take_database_away(true).await;
    away.map_err(|error| stage.broken(error.into()))?;
    stage.note("Postgres", "refuses every connection of the functions");
    let simulator = stage.stack.simulator();
    let delivery = simulator
        .inbound_sms(CUSTOMER, number, "Is the plumber on his way?")
        .await;
    webhook(stage, &delivery)?;
    stage.same("rows of the conversation", before, messages(stage, number).await?)?;
    let waiting = stage.stack.pending(Work::Spool);
    stage.note("spool queue", format!("{waiting} waiting"));
    stage.holds(waiting > 0, "webhooks in the spool queue", "one or more", waiting)?;
    stage.tick("no row yet, but the signed request is in the spool queue: 200 means kept");
    Ok(delivery.sid)
}

/// It comes back, and the message with it.
pub(super) async fn postgres_is_back(stage: &mut Stage<'_>, number: &str, sid: &str) -> Result<(), Failed> {
    stage.step("Postgres is back: spool-replay stores the message, once");
    let back = stage.stack.take_database_away(false).await;
    back.map_err(|error| stage.broken(error.into()))?;
    stage.stack.settle().await;
    let row = stored(stage, sid).await?;
    stage.same("its status", "received", row)?;
    stage.note(
        "spool queue",
        format!("{} left", stage.stack.pending(Work::Spool)),
    );
    counts_agree(stage, number).await?;
    stage.tick("one row, under the time at which the message came; counts and unread are exact");
    Ok(())
}

/// The number's own URL leads nowhere: the carrier takes the fallback URL.
pub(super) async fn second_path(stage: &mut Stage<'_>, number: &str) -> Result<(), Failed> {
    stage.step("Somebody breaks the number's SmsUrl in the carrier's dashboard, and the customer writes");
    let simulator = stage.stack.simulator();
    let wrong = format!("{NOWHERE}typo");
    stage.note("SmsUrl", &wrong);
    simulator.configure_number(number, &[("SmsUrl", &wrong)]);
    let delivery = simulator
        .inbound_sms(CUSTOMER, number, "He is here now, thank you!")
        .await;
    stage.note("SID", &delivery.sid);
    for exchange in delivery.exchanges.iter().filter(|exchange| !exchange.repeated) {
        let answer = match exchange.status {
            Some(status) => format!("{status} {}", exchange.body),
            None => "no answer".to_owned(),
        };
        stage.note("POST", &exchange.url);
        stage.note("answer", answer);
    }
    let fallback = delivery
        .exchanges
        .iter()
        .find(|exchange| exchange.kind == WebhookKind::Fallback);
    let status = fallback.and_then(|exchange| exchange.status).unwrap_or(0);
    stage.same("the fallback URL's status", 200, status)?;
    stage.stack.settle().await;
    stored(stage, &delivery.sid).await?;
    counts_agree(stage, number).await?;
    stage.tick("webhook-fallback spooled it without Postgres, spool-replay stored it, once");
    Ok(())
}

/// The nightly run puts the URL right, and says so.
pub(super) async fn reconciled(stage: &mut Stage<'_>, number: &str) -> Result<(), Failed> {
    stage.step("The reconciler's nightly run compares the carrier with Postgres");
    let report = stage.stack.reconcile(Schedule::Nightly).await;
    let report = report.map_err(|error| stage.broken(error.into()))?;
    stage
        .show(
            "reconciler_runs",
            "select schedule, date_trunc('seconds', started_at) as started_at,
                    round(extract(epoch from finished_at - started_at) * 1000) as ms, report ->> 'complete' as complete
             from reconciler_runs",
        )
        .await?;
    stage
        .show(
            "its report",
            "select key as what, value as count
             from reconciler_runs r cross join jsonb_each(r.report -> 'counts') order by key",
        )
        .await?;
    stage.same("its problems", "[]", text(&report["problems"]))?;
    stage.same("`complete` of the report", "true", text(&report["complete"]))?;
    let repaired = text(&report["counts"]["webhooks_repaired"]);
    stage.same("webhook URLs put right", 1, repaired)?;
    let ledger = stage.stack.simulator().ledger();
    let url = ledger.number(number).and_then(|owned| owned.sms_hook.url.clone());
    let expected = format!("{}/api/webhooks/signalwire/sms", stage.stack.urls().gateway);
    stage.same("SmsUrl at the carrier", expected, url.unwrap_or_default())?;
    stage.tick("the number's SmsUrl is right again; the run left a row that says what it did");
    Ok(())
}

/// The row of a SID, shown; gives its status.
async fn stored(stage: &Stage<'_>, sid: &str) -> Result<String, Failed> {
    let row = stage
        .show(
            "conversation_messages",
            &format!(
                "select direction, status, body, date_trunc('seconds', created_at) as created_at, external_id as sid
                 from conversation_messages where external_id = '{sid}'"
            ),
        )
        .await?;
    stage.same("rows with this SID", 1, row.rows.len())?;
    Ok(row.get(0, "status").to_owned())
}

/// How many messages the number's SMS conversations have.
async fn messages(stage: &Stage<'_>, number: &str) -> Result<i64, Failed> {
    stage
        .count(&format!(
            "conversation_messages m join conversations c on c.id = m.conversation_id
             where c.business_phone = '{number}' and c.channel = 'sms'"
        ))
        .await
}

/// What a conversation says of itself is what its rows say.
async fn counts_agree(stage: &Stage<'_>, number: &str) -> Result<(), Failed> {
    let sql = format!(
        "select sum(c.message_count) as said from conversations c
         where c.business_phone = '{number}' and c.channel = 'sms' and c.workspace_id = '{}'",
        workspace()
    );
    let said = stage.rows(&sql).await?;
    stage.same(
        "message_count",
        messages(stage, number).await?,
        said.get(0, "said"),
    )
}
