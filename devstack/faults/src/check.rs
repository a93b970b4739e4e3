//! Compares the carrier's ledger with the database.

use crate::Broken;
use crate::lab::Lab;
use crate::tally::Tally;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

async fn texts(
    lab: &Lab<'_>,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<BTreeSet<String>, Broken> {
    let rows = lab.fixture.sql.query(sql, parameters).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The numbers that were bought and are kept, by their SID.
pub fn bought(lab: &Lab<'_>) -> BTreeMap<String, String> {
    let numbers = lab.fixture.simulator.numbers();
    let bought = numbers.into_iter().filter(|number| !number.platform);
    bought.map(|number| (number.sid, number.friendly_name)).collect()
}

/// One workspace ordered so many numbers: it has exactly these, and each order is `active`.
pub async fn workspace_has(
    lab: &Lab<'_>,
    tally: &Tally,
    case: &str,
    workspace: Uuid,
    ordered: usize,
) -> Result<(), Broken> {
    let orders = texts(
        lab,
        "select id::text from provisioning_orders where workspace_id = $1",
        &[&workspace],
    )
    .await?;
    let mine: Vec<String> = bought(lab)
        .into_iter()
        .filter(|(_, name)| orders.iter().any(|order| name.contains(order.as_str())))
        .map(|(sid, _)| sid)
        .collect();
    let known = "select phone_number_sid from workspace_phone_numbers where workspace_id = $1 and status <> 'released'";
    let known = texts(lab, known, &[&workspace]).await?;
    let states =
        "select state || coalesce(': ' || reason, '') from provisioning_orders where workspace_id = $1";
    let states: Vec<String> = lab
        .fixture
        .sql
        .query(states, &[&workspace])
        .await?
        .iter()
        .map(|row| row.get(0))
        .collect();
    tally.count("numbers bought beyond orders", mine.len().saturating_sub(ordered));
    let unknown = mine.iter().filter(|sid| !known.contains(*sid)).count();
    tally.count("numbers owned and not known", unknown);
    tally.expect(
        mine.len() == ordered
            && known.len() == ordered
            && unknown == 0
            && states.iter().all(|state| state == "active"),
        || {
            format!(
                "{case}: ordered {ordered}, bought {}, known {}, orders {states:?}",
                mine.len(),
                known.len()
            )
        },
    );
    Ok(())
}

/// Every number that we pay for is on a row of ours, as a tenant's number or as a spare.
pub async fn numbers_are_known(lab: &Lab<'_>, tally: &Tally, case: &str) -> Result<(), Broken> {
    let known = "select phone_number_sid from workspace_phone_numbers where status <> 'released' and phone_number_sid is not null
                 union select phone_number_sid from spare_numbers where released_at is null";
    let known = texts(lab, known, &[]).await?;
    let unknown: Vec<String> = bought(lab)
        .into_keys()
        .filter(|sid| !known.contains(sid))
        .collect();
    tally.count("numbers owned and not known", unknown.len());
    tally.expect(unknown.is_empty(), || {
        format!("{case}: {} numbers are owned and not known", unknown.len())
    });
    Ok(())
}

/// How many times the carrier was made to send this text.
pub fn sends_of(lab: &Lab<'_>, body: &str) -> usize {
    lab.fixture
        .simulator
        .messages(|message| message.direction != "inbound" && message.body == body)
        .len()
}

/// Every message that the carrier sent for us is on exactly one row, under its SID; every row with a SID is one that it sent.
pub async fn sends_are_known(lab: &Lab<'_>, tally: &Tally, case: &str) -> Result<(), Broken> {
    let rows = "select external_id, count(*) from conversation_messages
                where direction = 'outbound' and external_id is not null group by 1";
    let rows = lab.fixture.sql.query(rows, &[]).await?;
    let ours: BTreeMap<String, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let ledger = lab.fixture.simulator.ledger();
    let sent: BTreeSet<&str> = ledger
        .messages
        .iter()
        .filter(|message| message.direction == "outbound-api")
        .map(|message| message.sid.as_str())
        .collect();
    let lost: Vec<_> = sent.iter().filter(|sid| ours.get(**sid) != Some(&1)).collect();
    let invented: Vec<_> = ours.keys().filter(|sid| !sent.contains(sid.as_str())).collect();
    tally.count("sends without a row", lost.len());
    tally.expect(lost.is_empty(), || {
        format!(
            "{case}: {} sends are on no row or on several: {lost:?}",
            lost.len()
        )
    });
    tally.expect(invented.is_empty(), || {
        format!(
            "{case}: {} SIDs that the carrier never gave: {invented:?}",
            invented.len()
        )
    });
    Ok(())
}

/// Acknowledged inbound messages: each is on exactly one row.
pub async fn messages_are_stored(
    lab: &Lab<'_>,
    tally: &Tally,
    case: &str,
    sids: &[String],
) -> Result<(), Broken> {
    tally.count("messages acknowledged", sids.len());
    each_once(lab, tally, case, sids).await
}

/// Inbound messages that no webhook brought: the reconciler did.
pub async fn messages_are_filled_in(
    lab: &Lab<'_>,
    tally: &Tally,
    case: &str,
    sids: &[String],
) -> Result<(), Broken> {
    tally.count("messages that no webhook brought, filled in", sids.len());
    each_once(lab, tally, case, sids).await
}

async fn each_once(lab: &Lab<'_>, tally: &Tally, case: &str, sids: &[String]) -> Result<(), Broken> {
    let rows = "select sid, (select count(*) from conversation_messages m where m.external_id = sid) from unnest($1::text[]) sid";
    let rows = lab.fixture.sql.query(rows, &[&sids]).await?;
    let (mut lost, mut twice) = (Vec::new(), Vec::new());
    for row in &rows {
        match row.get::<_, i64>(1) {
            0 => lost.push(row.get::<_, String>(0)),
            1 => {}
            _ => twice.push(row.get::<_, String>(0)),
        }
    }
    tally.count("messages lost", lost.len());
    tally.count("messages stored twice", twice.len());
    tally.expect(lost.is_empty() && twice.is_empty(), || {
        format!("{case}: lost {lost:?}, twice {twice:?}")
    });
    Ok(())
}

/// Counts of conversations agree with their messages.
pub async fn conversations_agree(lab: &Lab<'_>, tally: &Tally, case: &str) -> Result<(), Broken> {
    let wrong = "select count(*) from conversations c where message_count <> (
                     select count(*) from conversation_messages m where m.conversation_id = c.id)
                 or unread_count <> (
                     select count(*) from conversation_messages m where m.conversation_id = c.id and m.direction = 'inbound')";
    let wrong: i64 = lab.fixture.sql.query_one(wrong, &[]).await?.get(0);
    tally.expect(wrong == 0, || {
        format!("{case}: {wrong} conversations count wrongly")
    });
    Ok(())
}
