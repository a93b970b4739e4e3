//! `reconcile --dry-run`.

use crate::arguments::Arguments;
use common::config::Settings;
use reconciler::App;

/// Says what the reconciler would do.
pub async fn run(settings: &Settings, arguments: &[&str]) -> Result<String, String> {
    let arguments = Arguments::read(arguments, &[], &["dry-run"])?;
    let [] = arguments.words([])?;
    if !arguments.flag("dry-run") {
        return Err("say --dry-run: this shows what the reconciler would do; to have it done, invoke the function with {}, \
                    or POST to /_schedule/nightly on the queues' port of `cargo dev`"
            .to_owned());
    }
    let app = App::start_with(settings.clone())
        .await
        .map_err(|error| error.to_string())?;
    let plan = app.plan().await.map_err(|error| error.to_string())?;
    Ok(plan.to_string())
}
