//! SQS: work for later.

use aws_config::BehaviorVersion;
use aws_sdk_sqs::error::DisplayErrorContext;
use std::time::Duration;
use tokio::sync::OnceCell;

/// How long one send may take, retries included.
const SEND_SECONDS_MAX: u64 = 4;

/// Settings of the AWS SDK: region and credentials from the environment, `AWS_ENDPOINT_URL` for an emulator.
pub async fn aws_config() -> aws_config::SdkConfig {
    aws_config::load_defaults(BehaviorVersion::latest()).await
}

/// The queue did not take the message.
#[derive(Debug, thiserror::Error)]
#[error("the queue did not take the message: {0}")]
pub struct QueueError(String);

/// One queue; the client is made at the first send.
pub struct Queue {
    url: String,
    client: OnceCell<aws_sdk_sqs::Client>,
}

impl Queue {
    /// The queue at this URL.
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned(), client: OnceCell::new() }
    }

    /// Puts one message there; once this returns, SQS keeps it.
    ///
    /// # Errors
    /// When SQS refuses or does not answer in time. It may have taken the message all the same: receivers deduplicate.
    pub async fn send(&self, body: &str) -> Result<(), QueueError> {
        let client = self.client.get_or_init(|| async { aws_sdk_sqs::Client::new(&aws_config().await) }).await;
        let sending = client.send_message().queue_url(&self.url).message_body(body).send();
        match tokio::time::timeout(Duration::from_secs(SEND_SECONDS_MAX), sending).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(QueueError(DisplayErrorContext(error).to_string())),
            Err(_) => Err(QueueError(format!("no answer within {SEND_SECONDS_MAX} s"))),
        }
    }
}
