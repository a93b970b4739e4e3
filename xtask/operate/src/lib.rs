//! What operators do to a running system by hand: `cargo xtask api-key …` and its like. Works as the owner of the
//! database (`MIGRATION_DATABASE_URL`, else `DATABASE_URL`), through the same
//! statements as the functions; a command gives what it prints.

mod api_key;
mod arguments;
mod consent;
pub mod doctor;
mod given;
mod limits;
mod reconcile;
mod retention;
mod smoke;

use common::config::Settings;
use common::store::Store;
use std::time::Duration;

/// Runs one command and gives its output.
///
/// # Errors
/// The sentence that its user reads.
pub async fn run(settings: &Settings, arguments: &[&str]) -> Result<String, String> {
    let (command, rest) = arguments.split_first().ok_or("which command?")?;
    // these commands are the owner's: no function may call what they call
    let owners = settings.optional("MIGRATION_DATABASE_URL");
    let settings = &owners.map_or_else(
        || settings.clone(),
        |url| settings.clone().with("DATABASE_URL", url),
    );
    let store = || Store::from_settings(settings, Duration::from_secs(20)).map_err(|error| error.to_string());
    match *command {
        "api-key" => api_key::run(&store()?, rest).await,
        "consent" => consent::run(&store()?, rest).await,
        "limits" => limits::run(&store()?, rest).await,
        "blocked" => limits::blocked(&store()?, rest).await,
        "reconcile" => reconcile::run(settings, rest).await,
        "retention" => retention::run(&store()?, rest).await,
        "refusals" => limits::refusals(&store()?, rest).await,
        "doctor" => doctor::run(settings, rest).await,
        "smoke" => smoke::run(settings, rest).await,
        other => Err(format!("there is no command `{other}`")),
    }
}
