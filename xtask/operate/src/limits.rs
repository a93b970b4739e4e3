//! `limits show|set`, `blocked list|add|remove`, `refusals`.

use crate::arguments::{Arguments, uuid};
use common::store::{Error, Store};
use serde_json::{Map, Value, json};

/// `limits show ID | set ID NAME=VALUE …`
pub async fn run(store: &Store, arguments: &[&str]) -> Result<String, String> {
    match arguments {
        ["show", id] => show(store, id).await,
        ["set", id, changes @ ..] if !changes.is_empty() => {
            let changes = changes
                .iter()
                .map(|change| read(change))
                .collect::<Result<Map<_, _>, _>>()?;
            match store.set_limits(uuid(id)?, &Value::Object(changes)).await {
                Ok(None) => show(store, id).await,
                Ok(Some(wrong)) => Err(wrong),
                Err(Error::Statement { code, .. }) if code.starts_with("22") || code == "23514" => {
                    Err("a value is not one that its limit takes; nothing was changed".to_owned())
                }
                Err(error) => Err(error.to_string()),
            }
        }
        _ => Err("usage: limits show ID | set ID NAME=VALUE … (NAME=tier: as the tier has it)".to_owned()),
    }
}

fn read(change: &str) -> Result<(String, Value), String> {
    let (name, value) = change
        .split_once('=')
        .ok_or_else(|| format!("`{change}` is not NAME=VALUE"))?;
    let value = if value == "tier" {
        Value::Null
    } else {
        json!(value)
    };
    Ok((name.to_owned(), value))
}

async fn show(store: &Store, id: &str) -> Result<String, String> {
    let limits = store
        .show_limits(uuid(id)?)
        .await
        .map_err(|error| error.to_string())?
        .ok_or("there is no such workspace")?;
    let line = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("{name}={text}\n"),
        other => format!("{name}={other}\n"),
    };
    Ok(limits.as_object().into_iter().flatten().map(line).collect())
}

/// `blocked list | add PREFIX --note WHY | remove PREFIX`
pub async fn blocked(store: &Store, arguments: &[&str]) -> Result<String, String> {
    match arguments.split_first() {
        Some((&"list", [])) => {
            let prefixes = store
                .list_blocked_prefixes()
                .await
                .map_err(|error| error.to_string())?;
            Ok(prefixes
                .iter()
                .map(|known| format!("{:<16}{:<11}{}\n", known.prefix, known.kind, known.note))
                .collect())
        }
        Some((&"add", rest)) => {
            let arguments = Arguments::read(rest, &["note"], &[])?;
            let [prefix] = arguments.words(["PREFIX"])?;
            match store.block_prefix(prefix, arguments.required("note")?).await {
                Ok(()) => Ok(format!("{prefix} is blocked\n")),
                Err(Error::Statement { code, .. }) if code == "23514" => Err(format!(
                    "`{prefix}` is not the beginning of a number: + and digits, _ for any digit"
                )),
                Err(error) => Err(error.to_string()),
            }
        }
        Some((&"remove", rest)) => {
            let [prefix] = Arguments::read(rest, &[], &[])?.words(["PREFIX"])?;
            if store
                .unblock_prefix(prefix)
                .await
                .map_err(|error| error.to_string())?
            {
                Ok(format!("{prefix} is not blocked any more\n"))
            } else {
                Err(format!("{prefix} was not blocked"))
            }
        }
        _ => Err("usage: blocked list | add PREFIX --note WHY | remove PREFIX".to_owned()),
    }
}

/// `refusals [DAYS]`
pub async fn refusals(store: &Store, arguments: &[&str]) -> Result<String, String> {
    let days = match arguments {
        [] => 0,
        [days] => days
            .parse()
            .map_err(|_| format!("`{days}` is no number of days"))?,
        _ => return Err("usage: refusals [DAYS]".to_owned()),
    };
    let counts = store
        .list_refusals(days)
        .await
        .map_err(|error| error.to_string())?;
    let mut text: String = counts
        .iter()
        .map(|one| {
            format!(
                "{}  {}  {:<22}{}\n",
                one.day, one.workspace_id, one.code, one.count
            )
        })
        .collect();
    if text.is_empty() {
        text += "nothing was refused\n";
    }
    Ok(text)
}
