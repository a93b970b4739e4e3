//! See the library of this package.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    common::telemetry::init();
    let app = &match reconciler::App::start().await {
        Ok(app) => app,
        Err(error) => {
            tracing::error!(%error, "Cannot start");
            return ExitCode::FAILURE;
        }
    };
    let served = lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
        common::metrics::invocation(&event.context.request_id, app.handle(&event.payload))
            .await
            .map_err(|error| Error::from(error.to_string()))
    }));
    match served.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "Runtime ended");
            ExitCode::FAILURE
        }
    }
}
