//! A function whose handler panics when it is told to, with what the request says in the panic's message: for the test of what
//! [`common::http::serve`] makes of it.

use common::http::{self, RawRequest};
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    common::telemetry::init();
    let served = http::serve(|request| async move {
        let raw = RawRequest::of(&request);
        if raw.path == "/panic" {
            panic!("the body was {}", String::from_utf8_lossy(raw.body));
        }
        http::plain(200, "well")
    });
    match served.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
