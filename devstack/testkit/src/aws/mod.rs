//! SQS, Secrets Manager and EventBridge on loopback, by the emulator moto.
//!
//! What this crate asks of it itself goes over plain HTTP: no AWS SDK is linked. Code under test gets [`Aws::env`].
//! To take it away from a function, put a [`crate::proxy::Proxy`] in front of its port.

mod install;
mod supervised;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::OnceCell;

pub use self::install::python;
use self::supervised::Emulator;
use crate::{Error, blocking, http};

const REGION: &str = "us-east-1";

/// A message that was received and not deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The queue's id of the message.
    pub id: String,
    /// What was sent.
    pub body: String,
    /// What [`Aws::delete`] wants.
    pub receipt: String,
}

/// A running emulator. Dropping it stops it, and so does the end of the process, however it ends.
#[derive(Debug)]
pub struct Aws {
    port: u16,
    address: String,
    emulator: Emulator,
}

impl Aws {
    /// Starts an empty emulator on a free port, installing it first if need be.
    pub async fn start() -> Result<Self, Error> {
        let program = blocking(install::program).await?;
        for _ in 0..3 {
            let program = program.clone();
            let (port, emulator) = blocking(move || Emulator::launch(&program)).await?;
            let aws = Self {
                port,
                address: format!("127.0.0.1:{port}"),
                emulator,
            };
            if aws.ready().await? {
                return Ok(aws);
            }
        }
        Err(Error::Failed("moto found its port taken three times".to_owned()))
    }

    /// The one emulator of this process. Queues and secrets need names of their own there.
    ///
    /// # Panics
    ///
    /// When the emulator is not to be had; the message says what to install.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Aws> = OnceCell::const_new();
        SHARED
            .get_or_init(async || match Self::start().await {
                Ok(aws) => aws,
                Err(error) => panic!("tests need the AWS emulator: {error}"),
            })
            .await
    }

    /// Whether it serves; `false` when somebody else took the port first.
    async fn ready(&self) -> Result<bool, Error> {
        for _ in 0..600 {
            let answers = http::request(&self.address, "GET", "/moto-api/", &[], b"").await;
            let log = self.emulator.log();
            if log.contains("Address already in use") {
                return Ok(false);
            }
            if answers.is_ok_and(|answer| answer.status == 200) {
                return Ok(true);
            }
            if log.contains("Traceback") {
                return Err(Error::Failed(format!(
                    "moto did not start: {}",
                    crate::tools::last_lines(&log, 8)
                )));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let log = crate::tools::last_lines(&self.emulator.log(), 8);
        Err(Error::Failed(format!("moto did not start within 30 s: {log}")))
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What `AWS_ENDPOINT_URL` is to be.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The variables that make an AWS SDK talk to the emulator.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.endpoint_url()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", "testing".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "testing".to_owned()),
            // Without it an SDK may look for credentials at an address that never answers.
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    }

    /// Makes a queue (a FIFO queue when the name ends in `.fifo`) and gives its URL.
    pub async fn create_queue(&self, name: &str) -> Result<String, Error> {
        let attributes = if name.ends_with(".fifo") {
            json!({ "FifoQueue": "true" })
        } else {
            json!({})
        };
        let request = json!({ "QueueName": name, "Attributes": attributes });
        let answer = self.call("sqs", "AmazonSQS.CreateQueue", request).await?;
        text(&answer, "QueueUrl")
    }

    /// Makes a queue with a dead-letter queue and gives both URLs. What is received and not deleted is hidden for
    /// `visibility_seconds`, and after `receives_max` times it goes to the other one.
    pub async fn create_queue_with_dead_letters(
        &self,
        name: &str,
        visibility_seconds: u32,
        receives_max: u32,
    ) -> Result<(String, String), Error> {
        let dead = self.create_queue(&format!("{name}-dead")).await?;
        let request = json!({ "QueueUrl": dead, "AttributeNames": ["QueueArn"] });
        let answer = self.call("sqs", "AmazonSQS.GetQueueAttributes", request).await?;
        let arn = text(&answer["Attributes"], "QueueArn")?;
        let redrive = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": receives_max }).to_string();
        let attributes =
            json!({ "VisibilityTimeout": visibility_seconds.to_string(), "RedrivePolicy": redrive });
        let request = json!({ "QueueName": name, "Attributes": attributes });
        let answer = self.call("sqs", "AmazonSQS.CreateQueue", request).await?;
        Ok((text(&answer, "QueueUrl")?, dead))
    }

    /// Puts a message into a queue and gives its id.
    pub async fn send(&self, queue_url: &str, body: &str) -> Result<String, Error> {
        let request = json!({ "QueueUrl": queue_url, "MessageBody": body });
        text(
            &self.call("sqs", "AmazonSQS.SendMessage", request).await?,
            "MessageId",
        )
    }

    /// Takes up to ten messages, which are hidden for the queue's visibility timeout. Does not wait.
    pub async fn receive(&self, queue_url: &str) -> Result<Vec<Message>, Error> {
        let request = json!({ "QueueUrl": queue_url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0 });
        let answer = self.call("sqs", "AmazonSQS.ReceiveMessage", request).await?;
        let messages = answer["Messages"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        messages
            .iter()
            .map(|message| {
                Ok(Message {
                    id: text(message, "MessageId")?,
                    body: text(message, "Body")?,
                    receipt: text(message, "ReceiptHandle")?,
                })
            })
            .collect()
    }

    /// Acknowledges a message.
    pub async fn delete(&self, queue_url: &str, receipt: &str) -> Result<(), Error> {
        let request = json!({ "QueueUrl": queue_url, "ReceiptHandle": receipt });
        self.call("sqs", "AmazonSQS.DeleteMessage", request)
            .await
            .map(|_| ())
    }

    /// Makes a secret and gives its ARN.
    pub async fn create_secret(&self, name: &str, value: &Value) -> Result<String, Error> {
        let request = json!({ "Name": name, "SecretString": value.to_string() });
        text(
            &self
                .call("secretsmanager", "secretsmanager.CreateSecret", request)
                .await?,
            "ARN",
        )
    }

    /// Gives a secret a new value.
    pub async fn put_secret(&self, name: &str, value: &Value) -> Result<(), Error> {
        let request = json!({ "SecretId": name, "SecretString": value.to_string() });
        self.call("secretsmanager", "secretsmanager.PutSecretValue", request)
            .await
            .map(|_| ())
    }

    /// Makes an EventBridge bus.
    pub async fn create_event_bus(&self, name: &str) -> Result<(), Error> {
        self.call("events", "AWSEvents.CreateEventBus", json!({ "Name": name }))
            .await
            .map(|_| ())
    }

    /// Any operation of a service that speaks the JSON protocol, such as `("sqs", "AmazonSQS.PurgeQueue", …)`.
    pub async fn call(&self, service: &str, target: &str, request: Value) -> Result<Value, Error> {
        // The emulator checks no signature, but reads the service from the place where one would be.
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=testing/20260101/{REGION}/{service}/aws4_request, \
             SignedHeaders=host;x-amz-target, Signature=0000"
        );
        let version = if service == "sqs" { "1.0" } else { "1.1" };
        let content_type = format!("application/x-amz-json-{version}");
        let headers = [
            ("content-type", content_type.as_str()),
            ("x-amz-target", target),
            ("x-amz-date", "20260101T000000Z"),
            ("authorization", &authorization),
        ];
        let answer = http::request(
            &self.address,
            "POST",
            "/",
            &headers,
            request.to_string().as_bytes(),
        )
        .await?;
        let said = String::from_utf8_lossy(&answer.body);
        if answer.status != 200 {
            return Err(Error::Failed(format!("{target}: {} {said}", answer.status)));
        }
        if said.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&said).map_err(|error| Error::Failed(format!("{target}: {error}: {said}")))
    }

    /// Stops it and waits until it is gone.
    pub async fn close(self) -> Result<(), Error> {
        let emulator = self.emulator;
        blocking(move || {
            emulator.finish();
            Ok(())
        })
        .await
    }
}

fn text(document: &Value, field: &str) -> Result<String, Error> {
    document[field]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| Error::Failed(format!("the emulator's answer has no {field}: {document}")))
}
