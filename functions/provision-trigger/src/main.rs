//! See the library of this package.

use common::batch;
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    common::telemetry::init();
    let app = match provision_trigger::App::start().await {
        Ok(app) => app,
        Err(error) => {
            tracing::error!(%error, "Cannot start");
            return ExitCode::FAILURE;
        }
    };
    match batch::serve(|event| app.handle(event)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "Runtime ended");
            ExitCode::FAILURE
        }
    }
}
