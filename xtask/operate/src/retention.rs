//! `retention show|set|clear`.

use crate::arguments::uuid;
use common::store::{Retention, Store};
use uuid::Uuid;

const USAGE: &str = "usage: retention show ID | set ID texts=DAYS recordings=DAYS | clear ID (one of them alone leaves the other)";

/// `retention show ID | set ID NAME=DAYS … | clear ID`
pub async fn run(store: &Store, arguments: &[&str]) -> Result<String, String> {
    match arguments {
        ["show", id] => Ok(describe(read(store, uuid(id)?).await?)),
        ["set", id, changes @ ..] if !changes.is_empty() => {
            let id = uuid(id)?;
            let mut retention = read(store, id).await?;
            let mut seen = Vec::new();
            for change in changes {
                let (name, days) = change
                    .split_once('=')
                    .ok_or_else(|| format!("`{change}` is not NAME=DAYS"))?;
                if seen.contains(&name) {
                    return Err(format!("{name} is given twice"));
                }
                seen.push(name);
                let days: i32 = days
                    .parse()
                    .map_err(|_| format!("`{days}` is no number of days"))?;
                match name {
                    "texts" => retention.body_days = Some(days),
                    "recordings" => retention.recording_days = Some(days),
                    other => return Err(format!("there is nothing called {other}: texts, recordings")),
                }
            }
            change(store, id, retention).await
        }
        ["clear", id] => change(store, uuid(id)?, Retention::default()).await,
        _ => Err(USAGE.to_owned()),
    }
}

async fn read(store: &Store, id: Uuid) -> Result<Retention, String> {
    store
        .show_retention(id)
        .await
        .map_err(|error| error.to_string())?
        .ok_or_else(|| "there is no such workspace".to_owned())
}

async fn change(store: &Store, id: Uuid, retention: Retention) -> Result<String, String> {
    match store.set_retention(id, retention).await {
        Ok(None) => Ok(describe(read(store, id).await?)),
        Ok(Some(wrong)) => Err(format!("{wrong}; nothing was changed")),
        Err(error) => Err(error.to_string()),
    }
}

fn describe(retention: Retention) -> String {
    let days = |days: Option<i32>| days.map_or_else(|| "for ever".to_owned(), |days| format!("{days} days"));
    format!(
        "texts and attachments: {}\nrecordings and transcriptions: {}\n",
        days(retention.body_days),
        days(retention.recording_days)
    )
}
