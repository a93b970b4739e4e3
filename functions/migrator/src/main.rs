//! See the library of this package.

use common::config::Live;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use migrator::Migrator;
use serde_json::Value;
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    common::telemetry::init();
    let migrator = match Live::start(Migrator::from_settings).await {
        Ok(migrator) => migrator,
        Err(error) => {
            tracing::error!(%error, "Cannot start");
            return ExitCode::FAILURE;
        }
    };
    let served = lambda_runtime::run(service_fn(async |_: LambdaEvent<Value>| {
        // a failed invocation stops the deploy
        migrator.get().await.run().await.map_err(|error| {
            tracing::error!(%error, "Migrations failed");
            Error::from(error.to_string())
        })
    }));
    match served.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "Runtime ended");
            ExitCode::FAILURE
        }
    }
}
