//! `consent stop|start|export`.

use crate::arguments::Arguments;
use common::domain::{PhoneNumber, csv};
use common::store::{ManualConsent, Store};
use jiff::Timestamp;
use uuid::Uuid;

const USAGE: &str = "consent stop|start (--workspace ID | --shared) --number OURS --customer THEIRS --actor WHO --reason WHY | export (--workspace ID | --shared)";

/// Runs one of them.
pub async fn run(store: &Store, arguments: &[&str]) -> Result<String, String> {
    match arguments.split_first() {
        Some((&"stop", rest)) => change(store, rest, true).await,
        Some((&"start", rest)) => change(store, rest, false).await,
        Some((&"export", rest)) => export(store, rest).await,
        _ => Err(format!("usage: {USAGE}")),
    }
}

fn whose(arguments: &Arguments<'_>) -> Result<Option<Uuid>, String> {
    match (arguments.workspace()?, arguments.flag("shared")) {
        (Some(_), true) | (None, false) => {
            Err("say --workspace ID, or --shared for a number that several workspaces use".to_owned())
        }
        (workspace, _) => Ok(workspace),
    }
}

async fn change(store: &Store, arguments: &[&str], opted_out: bool) -> Result<String, String> {
    let known = ["workspace", "number", "customer", "actor", "reason"];
    let arguments = Arguments::read(arguments, &known, &["shared"])?;
    let [] = arguments.words([])?;
    let number = |name: &str| {
        let text = arguments.required(name)?;
        text.parse::<PhoneNumber>()
            .map_err(|error| format!("--{name}: {error}"))
    };
    let change = ManualConsent {
        workspace_id: whose(&arguments)?,
        business: &number("number")?,
        customer: &number("customer")?,
        opted_out,
        actor: arguments.required("actor")?,
        reason: arguments.required("reason")?,
    };
    match store
        .change_consent(&change, Timestamp::now())
        .await
        .map_err(|error| error.to_string())?
    {
        Some(wrong) => Err(wrong),
        None => Ok(format!(
            "{} is opted {} {}\n",
            change.customer.as_str(),
            if opted_out { "out of" } else { "in to" },
            change.business.as_str()
        )),
    }
}

async fn export(store: &Store, arguments: &[&str]) -> Result<String, String> {
    let arguments = Arguments::read(arguments, &["workspace"], &["shared"])?;
    let [] = arguments.words([])?;
    let history = store
        .consent_history(whose(&arguments)?)
        .await
        .map_err(|error| error.to_string())?;
    let mut text = csv::line(&[
        "changed_at",
        "number",
        "customer",
        "change",
        "word",
        "message_sid",
        "actor",
        "reason",
    ]);
    for change in &history {
        text += &csv::line(&[
            &change.changed_at.to_string(),
            &change.business,
            &change.customer,
            if change.opted_out { "opt-out" } else { "opt-in" },
            &change.word,
            change.message_sid.as_deref().unwrap_or(""),
            &change.actor,
            change.reason.as_deref().unwrap_or(""),
        ]);
    }
    Ok(text)
}
