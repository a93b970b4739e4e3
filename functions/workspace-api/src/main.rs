//! See the library of this package.

use common::http;
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    common::telemetry::init();
    let app = match workspace_api::App::start().await {
        Ok(app) => app,
        Err(error) => {
            tracing::error!(%error, "Cannot start");
            return ExitCode::FAILURE;
        }
    };
    match http::serve(|request| app.handle(request)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "Runtime ended");
            ExitCode::FAILURE
        }
    }
}
