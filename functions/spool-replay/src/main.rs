//! See the library of this package.

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    common::telemetry::init();
    let app = &match spool_replay::App::start().await {
        Ok(app) => app,
        Err(error) => {
            tracing::error!(%error, "Cannot start");
            return ExitCode::FAILURE;
        }
    };
    let served = lambda_runtime::run(service_fn(|event: LambdaEvent<SqsEvent>| async move {
        let work = app.handle(event.payload);
        Ok::<_, Error>(common::metrics::invocation(&event.context.request_id, work).await)
    }));
    match served.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "Runtime ended");
            ExitCode::FAILURE
        }
    }
}
