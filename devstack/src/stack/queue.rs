//! The provisioning queue: enough of SQS for a sender with the AWS SDK, and delivery to `provision-trigger`.
//!
//! A message that the function reports as failed comes again, later every time; after [`RECEIVES_MAX`] deliveries it is kept as a
//! dead letter. `GET /_queue` on the same port shows what waits and what died.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{self, Body};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use md5::{Digest, Md5};
use serde_json::{Value, json};
use testkit::runtime_api::sqs_event;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use uuid::Uuid;

use super::functions::Shared;
use super::listen::Listener;

/// As the template's `maxReceiveCount`.
pub const RECEIVES_MAX: u32 = 5;

/// As the template's batch size.
const BATCH_MAX: usize = 10;

/// SQS takes no longer message.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// As the function's own timeout.
const PATIENCE: Duration = Duration::from_secs(90);

/// A message that no delivery cured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The message's id.
    pub id: String,
    /// What it says.
    pub body: String,
}

#[derive(Debug, Clone)]
struct Message {
    id: String,
    body: String,
    received: u32,
}

struct Inner {
    url: String,
    shared: Arc<Shared>,
    inbox: mpsc::UnboundedSender<Message>,
    /// Messages that wait, are being worked on, or wait to come again.
    pending: watch::Sender<usize>,
    dead: Mutex<Vec<DeadLetter>>,
    deliver_twice: bool,
    delay: Duration,
}

/// The queue's server and its deliveries.
pub(super) struct Queue {
    inner: Arc<Inner>,
    tasks: [AbortHandle; 2],
}

/// Where a queue on this endpoint is.
pub(super) fn url(endpoint: &str) -> String {
    format!("{endpoint}/000000000000/ringspace-provisioning")
}

impl Queue {
    pub(super) fn start(
        listener: Listener,
        shared: Arc<Shared>,
        deliver_twice: bool,
        delay: Duration,
    ) -> Self {
        let (inbox, messages) = mpsc::unbounded_channel();
        let inner = Arc::new(Inner {
            url: url(&listener.url()),
            shared,
            inbox,
            pending: watch::Sender::new(0),
            dead: Mutex::default(),
            deliver_twice,
            delay,
        });
        let router = Router::new()
            .route("/", post(speak))
            .route("/{account}/{name}", post(speak))
            .route("/_queue", get(show))
            .with_state(Arc::clone(&inner));
        let server = listener.serve(router);
        let deliveries = tokio::spawn(deliver_all(Arc::clone(&inner), messages)).abort_handle();
        Self {
            inner,
            tasks: [server, deliveries],
        }
    }

    pub(super) fn put(&self, body: &str) -> String {
        self.inner.put(body)
    }

    pub(super) async fn idle(&self) {
        // The sender lives in `inner`, so the channel cannot close before the answer.
        let _ = self.inner.pending.subscribe().wait_for(|count| *count == 0).await;
    }

    pub(super) fn is_idle(&self) -> bool {
        *self.inner.pending.borrow() == 0
    }

    pub(super) fn dead_letters(&self) -> Vec<DeadLetter> {
        self.inner.dead().clone()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Inner {
    fn put(&self, body: &str) -> String {
        let message = Message {
            id: Uuid::new_v4().to_string(),
            body: body.to_owned(),
            received: 0,
        };
        let id = message.id.clone();
        if self.deliver_twice {
            self.enter(message.clone());
        }
        self.enter(message);
        id
    }

    fn enter(&self, message: Message) {
        self.pending.send_modify(|count| *count += 1);
        // The receiving end lives as long as the deliveries do.
        let _ = self.inbox.send(message);
    }

    fn leave(&self) {
        self.pending.send_modify(|count| *count -= 1);
    }

    fn dead(&self) -> std::sync::MutexGuard<'_, Vec<DeadLetter>> {
        self.dead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn deliver_all(inner: Arc<Inner>, mut messages: mpsc::UnboundedReceiver<Message>) {
    while let Some(first) = messages.recv().await {
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX
            && let Ok(next) = messages.try_recv()
        {
            batch.push(next);
        }
        tokio::spawn(deliver(Arc::clone(&inner), batch));
    }
}

/// One batch; what the function does not finish comes again by itself, alone.
async fn deliver(inner: Arc<Inner>, batch: Vec<Message>) {
    let pairs: Vec<(&str, &str)> = batch
        .iter()
        .map(|message| (message.id.as_str(), message.body.as_str()))
        .collect();
    let mut event = sqs_event(&pairs);
    for (record, message) in event["Records"].as_array_mut().into_iter().flatten().zip(&batch) {
        record["attributes"]["ApproximateReceiveCount"] = json!((message.received + 1).to_string());
    }
    let began = Instant::now();
    let failed = invoke(&inner.shared, event).await;
    for mut message in batch {
        message.received += 1;
        let done = failed
            .as_ref()
            .is_ok_and(|ids| !ids.iter().any(|id| id.is_empty() || *id == message.id));
        let say = |verdict: &str, more: &str| {
            inner.shared.say(&format!(
                "{verdict}  {:>7.1} ms  {:<17}  SQS  {}{more}",
                began.elapsed().as_secs_f64() * 1000.0,
                "provision-trigger",
                kind_of(&message.body),
            ));
        };
        if done {
            say("ok ", "");
            inner.leave();
        } else if message.received >= RECEIVES_MAX {
            say(
                "ERR",
                &format!(": failed {RECEIVES_MAX} times, now a dead letter"),
            );
            let Message { id, body, .. } = message;
            inner.dead().push(DeadLetter { id, body });
            inner.leave();
        } else {
            let delay = inner.delay.saturating_mul(1 << (message.received - 1));
            say("ERR", &format!(": comes again in {:.1} s", delay.as_secs_f64()));
            let inner = Arc::clone(&inner);
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                let _ = inner.inbox.send(message);
            });
        }
    }
}

/// The ids of the records that have to come again; `Err` when the function ended without saying.
async fn invoke(shared: &Shared, event: Value) -> Result<Vec<String>, ()> {
    let functions = shared.functions();
    let event = serde_json::from_value(event).map_err(|_| ())?;
    let working = tokio::spawn(async move { functions.provision_trigger.handle(event).await });
    let mut response = tokio::time::timeout(PATIENCE, working)
        .await
        .map_err(|_| ())?
        .map_err(|_| ())?;
    let failures = mem::take(&mut response.batch_item_failures);
    Ok(failures
        .into_iter()
        .map(|failure| failure.item_identifier)
        .collect())
}

/// The event's type, for the log: nothing else of a message is shown.
fn kind_of(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap_or(Value::Null);
    let kind = body["detail-type"].as_str().or(body["type"].as_str());
    kind.unwrap_or("(no type)").chars().take(40).collect()
}

async fn show(State(inner): State<Arc<Inner>>) -> Json<Value> {
    let dead: Vec<Value> = inner
        .dead()
        .iter()
        .map(|letter| json!({ "messageId": letter.id, "body": letter.body }))
        .collect();
    Json(json!({ "queueUrl": inner.url, "pending": *inner.pending.borrow(), "deadLetters": dead }))
}

/// The AWS JSON protocol: the operation is in a header, errors have a type.
async fn speak(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let target = head
        .headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    if !matches!(
        target,
        Some("AmazonSQS.SendMessage" | "AmazonSQS.GetQueueAttributes")
    ) {
        return refuse(
            "com.amazonaws.sqs#UnsupportedOperation",
            "only SendMessage and GetQueueAttributes are known here",
        );
    }
    let asked: Value = match body::to_bytes(body, 2 * BODY_BYTES_MAX).await {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        Err(_) => Value::Null,
    };
    let text = asked["MessageBody"].as_str().unwrap_or("");
    if asked["QueueUrl"].as_str() != Some(inner.url.as_str()) {
        return refuse(
            "com.amazonaws.sqs#QueueDoesNotExist",
            "The specified queue does not exist.",
        );
    }
    if target == Some("AmazonSQS.GetQueueAttributes") {
        let attributes = json!({
            "ApproximateNumberOfMessages": inner.pending.borrow().to_string(),
            "VisibilityTimeout": (6 * PATIENCE.as_secs()).to_string(),
            "RedrivePolicy": json!({ "maxReceiveCount": RECEIVES_MAX }).to_string(),
        });
        return amz(StatusCode::OK, &json!({ "Attributes": attributes }));
    }
    if text.is_empty() {
        return refuse(
            "com.amazonaws.sqs#MissingParameter",
            "The request must contain the parameter MessageBody.",
        );
    }
    if text.len() > BODY_BYTES_MAX {
        return refuse(
            "com.amazonaws.sqs#InvalidParameterValue",
            "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.",
        );
    }
    let id = inner.put(text);
    let md5 = hex::encode(Md5::digest(text.as_bytes()));
    amz(
        StatusCode::OK,
        &json!({ "MessageId": id, "MD5OfMessageBody": md5 }),
    )
}

fn refuse(kind: &str, message: &str) -> Response {
    amz(
        StatusCode::BAD_REQUEST,
        &json!({ "__type": kind, "message": message }),
    )
}

fn amz(status: StatusCode, value: &Value) -> Response {
    let mut response = (status, Body::from(value.to_string())).into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-amz-json-1.0"),
    );
    response
}
