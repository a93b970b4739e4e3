//! `api-key create|list|revoke`.

use crate::arguments::{Arguments, uuid};
use common::caller::SecretKey;
use common::domain::Scope;
use common::store::{NewApiKey, Store};
use jiff::Timestamp;
use uuid::Uuid;

const USAGE: &str = "api-key create (--workspace ID | --platform) --name NAME --scopes SCOPE,… | list [--workspace ID] | revoke ID";

/// Runs one of them.
pub async fn run(store: &Store, arguments: &[&str]) -> Result<String, String> {
    match arguments.split_first() {
        Some((&"create", rest)) => create(store, rest).await,
        Some((&"list", rest)) => list(store, rest).await,
        Some((&"revoke", rest)) => revoke(store, rest).await,
        _ => Err(format!("usage: {USAGE}")),
    }
}

async fn create(store: &Store, arguments: &[&str]) -> Result<String, String> {
    let arguments = Arguments::read(arguments, &["workspace", "name", "scopes"], &["platform"])?;
    let [] = arguments.words([])?;
    let workspace_id = match (arguments.workspace()?, arguments.flag("platform")) {
        (Some(_), true) | (None, false) => {
            return Err(
                "say --workspace ID, or --platform for an operator's key to every workspace".to_owned(),
            );
        }
        (workspace, _) => workspace,
    };
    let scopes = arguments
        .required("scopes")?
        .split(',')
        .map(|name| name.trim().parse::<Scope>().map_err(|error| error.to_string()))
        .collect::<Result<Vec<_>, _>>()?;
    if workspace_id.is_some() && scopes.contains(&Scope::PlatformRead) {
        return Err("platform:read goes with --platform only".to_owned());
    }
    let key = SecretKey::random().map_err(|error| error.to_string())?;
    let id = Uuid::now_v7();
    let new = NewApiKey {
        id,
        workspace_id,
        hash: key.hash(),
        prefix: key.prefix(),
        name: arguments.required("name")?,
        scopes: &scopes,
    };
    if !store
        .create_api_key(&new)
        .await
        .map_err(|error| error.to_string())?
    {
        return Err("there is no such workspace".to_owned());
    }
    Ok(format!(
        "{}\n\nThis is the only time that the key is shown. Its id is {id}; `api-key revoke {id}` ends it.\n",
        key.expose()
    ))
}

async fn list(store: &Store, arguments: &[&str]) -> Result<String, String> {
    let arguments = Arguments::read(arguments, &["workspace"], &[])?;
    let [] = arguments.words([])?;
    let keys = store
        .list_api_keys(arguments.workspace()?)
        .await
        .map_err(|error| error.to_string())?;
    let mut text = String::new();
    for key in &keys {
        let moment = |at: Option<Timestamp>| at.map_or_else(|| "never".to_owned(), |at| format!("{at:.0}"));
        text += &format!(
            "{}  {}…  {}  {}  workspace {}  created {}  last used {}{}\n",
            key.id,
            key.prefix,
            key.name,
            key.scopes.join(","),
            key.workspace_id
                .map_or_else(|| "all".to_owned(), |id| id.to_string()),
            moment(Some(key.created_at)),
            moment(key.last_used_at),
            key.revoked_at
                .map(|at| format!("  REVOKED {at:.0}"))
                .unwrap_or_default(),
        );
    }
    if keys.is_empty() {
        text += "no keys\n";
    }
    Ok(text)
}

async fn revoke(store: &Store, arguments: &[&str]) -> Result<String, String> {
    let [id] = Arguments::read(arguments, &[], &[])?.words(["ID"])?;
    let known = store
        .revoke_api_key(None, uuid(id)?)
        .await
        .map_err(|error| error.to_string())?;
    if known {
        Ok(format!("{id} is revoked: it opens nothing from now on\n"))
    } else {
        Err("there is no key of that id; `api-key list` shows them".to_owned())
    }
}
