//! Says hello to every request.

use lambda_http::{Body, Error, Request, Response, run, service_fn};
use std::convert::Infallible;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(|_: Request| async {
        Ok::<_, Infallible>(Response::new(Body::from("Hello")))
    }))
    .await
}
