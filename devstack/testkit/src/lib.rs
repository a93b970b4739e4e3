//! Real parts for tests, benches and the local stack.
//!
//! Nothing here imitates our own code: [`postgres`] runs a real Postgres, [`proxy`] counts and breaks its connections,
//! [`pgbouncer`] shares them out, [`runtime_api`] runs the built binaries as Lambda does, [`identity`] issues bearer
//! tokens, [`aws`] runs an emulator of the AWS services. The crate knows nothing of the product: it depends on none of the workspace's other crates.
//!
//! What is started here never outlives the process that asked for it, even when that process is killed.

mod background;
mod error;
mod http;
mod ports;
mod supervisor;
mod tools;

pub mod aws;
pub mod identity;
pub mod pgbouncer;
pub mod postgres;
pub mod proxy;
pub mod runtime_api;

pub use error::Error;

/// Runs what blocks off the test's runtime, whose timers and connections have to go on meanwhile.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::Failed(format!("a helper thread ended: {error}"))),
    }
}
