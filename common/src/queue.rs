//! SQS: work for later.

use crate::aws_http::AwsHttp;
use crate::config::{ConfigError, Settings};
use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::meta::region::ProvideRegion;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_sqs::error::DisplayErrorContext;
use std::time::Duration;
use tokio::sync::OnceCell;

/// How long one send may take, retries included.
const SEND_MAX: Duration = Duration::from_secs(4);

/// How to reach AWS: with what Lambda puts into the environment, or an emulator.
#[derive(Clone)]
pub enum Aws {
    /// Region, role and endpoint as Lambda provides them.
    Default,
    /// `AWS_ENDPOINT_URL`
    Emulator {
        /// Where it listens.
        endpoint: String,
        /// `AWS_REGION`
        region: String,
    },
}

impl Aws {
    /// Reads `AWS_ENDPOINT_URL` and `AWS_REGION`.
    pub fn from_settings(settings: &Settings) -> Self {
        match settings.optional("AWS_ENDPOINT_URL") {
            None => Self::Default,
            Some(endpoint) => Self::Emulator {
                endpoint: endpoint.to_owned(),
                region: settings.optional("AWS_REGION").unwrap_or("us-east-1").to_owned(),
            },
        }
    }

    /// The SDK's configuration. Lambda states region and credentials in the environment, so the SDK's own search through
    /// profiles, STS and metadata services stays out of the binaries: it is a tenth of their size, and none of it would ever run.
    pub async fn config(&self) -> SdkConfig {
        let builder = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(AwsHttp::default());
        match self {
            Self::Default => builder
                .region(EnvironmentVariableRegionProvider::new().region().await)
                .credentials_provider(SharedCredentialsProvider::new(
                    EnvironmentVariableCredentialsProvider::new(),
                ))
                .build(),
            Self::Emulator { endpoint, region } => builder
                .endpoint_url(endpoint)
                .region(Region::new(region.clone()))
                // an emulator takes any credentials, but the SDK signs with some
                .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                    "emulator", "emulator", None, None, "emulator",
                )))
                .build(),
        }
    }
}

/// The queue did not take the message.
#[derive(Debug, thiserror::Error)]
#[error("the queue did not take the message: {0}")]
pub struct QueueError(String);

impl QueueError {
    /// For what goes wrong before the queue is asked.
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// One queue; the client is made at the first send.
pub struct Queue {
    url: String,
    aws: Aws,
    client: OnceCell<aws_sdk_sqs::Client>,
}

impl Queue {
    /// The queue whose URL a setting holds.
    ///
    /// # Errors
    /// Missing or malformed.
    pub fn from_settings(settings: &Settings, name: &'static str) -> Result<Self, ConfigError> {
        let url = settings.required(name)?;
        settings.will_call("sqs:SendMessage", name);
        url::Url::parse(url).map_err(|_| ConfigError::malformed(name, "the queue's URL is expected"))?;
        Ok(Self {
            url: url.to_owned(),
            aws: Aws::from_settings(settings),
            client: OnceCell::new(),
        })
    }

    /// Puts one message there; once this returns, SQS keeps it.
    ///
    /// # Errors
    /// When SQS refuses or does not answer in time. It may have taken the message all the same: receivers deduplicate.
    pub async fn send(&self, body: &str) -> Result<(), QueueError> {
        self.send_within(body, SEND_MAX).await
    }

    /// The same with less time, for callers who wait.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_within(&self, body: &str, most: Duration) -> Result<(), QueueError> {
        let sending = async {
            let client = self
                .client
                .get_or_init(|| async { aws_sdk_sqs::Client::new(&self.aws.config().await) })
                .await;
            client
                .send_message()
                .queue_url(&self.url)
                .message_body(body)
                .send()
                .await
        };
        match tokio::time::timeout(most, sending).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(QueueError(DisplayErrorContext(error).to_string())),
            Err(_) => Err(QueueError(format!("no answer within {} ms", most.as_millis()))),
        }
    }
}
