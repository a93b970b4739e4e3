//! The queues of the template: a sender with the AWS SDK puts messages there, and each queue's function takes them in batches.
//!
//! A message that the function reports as failed comes again, later every time; after as many deliveries as the template says it is
//! kept as a dead letter. `GET /_queue` on the same port shows what waits and what died.

mod protocol;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::{get, post};
use serde_json::{Value, json};
use testkit::runtime_api::sqs_event;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use uuid::Uuid;

use super::functions::Shared;

/// As the template's batch sizes, or near.
const BATCH_MAX: usize = 10;

/// As the functions' own timeouts, or near.
const PATIENCE: Duration = Duration::from_secs(90);

/// The wait before a message comes again doubles so many times.
const DOUBLINGS_MAX: u32 = 5;

/// A queue, by what lies in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Events for `provision-trigger`.
    Provisioning,
    /// Webhooks that Postgres could not take, for `spool-replay`.
    Spool,
}

impl Work {
    const ALL: [Self; 2] = [Self::Provisioning, Self::Spool];

    /// The template's `maxReceiveCount`.
    pub fn receives_max(self) -> u32 {
        match self {
            Self::Provisioning => 5,
            Self::Spool => 200,
        }
    }

    /// Who takes the messages.
    pub fn function(self) -> &'static str {
        match self {
            Self::Provisioning => "provision-trigger",
            Self::Spool => "spool-replay",
        }
    }

    /// Where this queue is on an endpoint.
    pub(super) fn url(self, endpoint: &str) -> String {
        let name = match self {
            Self::Provisioning => "ringspace-provisioning",
            Self::Spool => "ringspace-spool",
        };
        format!("{endpoint}/000000000000/{name}")
    }

    /// What a message is about, for the log: nothing else of it is shown.
    fn title_of(self, body: &str) -> String {
        let body: Value = serde_json::from_str(body).unwrap_or(Value::Null);
        let title = match self {
            Self::Provisioning => body["detail-type"].as_str().or(body["type"].as_str()),
            Self::Spool => body["path"].as_str(),
        };
        title.unwrap_or("(no type)").chars().take(60).collect()
    }
}

/// A message that no delivery cured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Where it lay.
    pub work: Work,
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

/// One queue.
struct Line {
    work: Work,
    url: String,
    inbox: mpsc::UnboundedSender<Message>,
    /// Messages that wait, are being worked on, or wait to come again.
    pending: watch::Sender<usize>,
    dead: Mutex<Vec<DeadLetter>>,
}

impl Line {
    fn enter(&self, message: Message) {
        self.pending.send_modify(|count| *count += 1);
        // The receiving end lives as long as the deliveries do.
        let _ = self.inbox.send(message);
    }

    fn leave(&self) {
        self.pending.send_modify(|count| *count -= 1);
    }

    fn pending(&self) -> usize {
        *self.pending.borrow()
    }

    fn dead(&self) -> MutexGuard<'_, Vec<DeadLetter>> {
        self.dead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Inner {
    lines: Vec<Line>,
    shared: Arc<Shared>,
    deliver_twice: bool,
    delay: Duration,
}

impl Inner {
    fn put(&self, line: &Line, body: &str) -> String {
        let message = Message {
            id: Uuid::new_v4().to_string(),
            body: body.to_owned(),
            received: 0,
        };
        let id = message.id.clone();
        if self.deliver_twice {
            line.enter(message.clone());
        }
        line.enter(message);
        id
    }
}

/// The queues and their deliveries.
pub(super) struct Queues {
    inner: Arc<Inner>,
    tasks: Vec<AbortHandle>,
}

impl Queues {
    pub(super) fn start(endpoint: &str, shared: Arc<Shared>, deliver_twice: bool, delay: Duration) -> Self {
        let (lines, inboxes): (Vec<_>, Vec<_>) = Work::ALL
            .into_iter()
            .map(|work| {
                let (inbox, messages) = mpsc::unbounded_channel();
                let line = Line {
                    work,
                    url: work.url(endpoint),
                    inbox,
                    pending: watch::Sender::new(0),
                    dead: Mutex::default(),
                };
                (line, messages)
            })
            .unzip();
        let inner = Arc::new(Inner {
            lines,
            shared,
            deliver_twice,
            delay,
        });
        let deliveries = inboxes
            .into_iter()
            .enumerate()
            .map(|(at, messages)| tokio::spawn(deliver_all(Arc::clone(&inner), at, messages)).abort_handle());
        Self {
            tasks: deliveries.collect(),
            inner,
        }
    }

    /// The queues' side of HTTP.
    pub(super) fn router(&self) -> Router {
        Router::new()
            .route("/", post(protocol::speak))
            .route("/{account}/{name}", post(protocol::speak))
            .route("/_queue", get(protocol::show))
            .with_state(Arc::clone(&self.inner))
    }

    fn line(&self, work: Work) -> Option<&Line> {
        self.inner.lines.iter().find(|line| line.work == work)
    }

    /// Puts a message there; gives its id.
    pub(super) fn put(&self, work: Work, body: &str) -> String {
        self.line(work)
            .map_or_else(String::new, |line| self.inner.put(line, body))
    }

    /// How many messages are not done yet.
    pub(super) fn pending(&self, work: Work) -> usize {
        self.line(work).map_or(0, Line::pending)
    }

    pub(super) async fn idle(&self) {
        for line in &self.inner.lines {
            // The sender lives in `inner`, so the channel cannot close before the answer.
            let _ = line.pending.subscribe().wait_for(|count| *count == 0).await;
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.inner.lines.iter().all(|line| line.pending() == 0)
    }

    pub(super) fn dead_letters(&self) -> Vec<DeadLetter> {
        let all = self.inner.lines.iter().map(|line| line.dead().clone());
        all.collect::<Vec<_>>().concat()
    }
}

impl Drop for Queues {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

async fn deliver_all(inner: Arc<Inner>, at: usize, mut messages: mpsc::UnboundedReceiver<Message>) {
    while let Some(first) = messages.recv().await {
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX
            && let Ok(next) = messages.try_recv()
        {
            batch.push(next);
        }
        tokio::spawn(deliver(Arc::clone(&inner), at, batch));
    }
}

/// One batch; what the function does not finish comes again by itself, alone.
async fn deliver(inner: Arc<Inner>, at: usize, batch: Vec<Message>) {
    let line = &inner.lines[at];
    let pairs: Vec<(&str, &str)> = batch
        .iter()
        .map(|message| (message.id.as_str(), message.body.as_str()))
        .collect();
    let mut event = sqs_event(&pairs);
    for (record, message) in event["Records"].as_array_mut().into_iter().flatten().zip(&batch) {
        record["attributes"]["ApproximateReceiveCount"] = json!((message.received + 1).to_string());
    }
    let began = Instant::now();
    let failed = invoke(&inner.shared, line.work, event).await;
    for mut message in batch {
        message.received += 1;
        let done = failed
            .as_ref()
            .is_some_and(|ids| !ids.iter().any(|id| id.is_empty() || *id == message.id));
        let say = |verdict: &str, more: &str| {
            inner.shared.say(&format!(
                "{verdict}  {:>7.1} ms  {:<17}  SQS  {}{more}",
                began.elapsed().as_secs_f64() * 1000.0,
                line.work.function(),
                line.work.title_of(&message.body),
            ));
        };
        if done {
            say("ok ", "");
            line.leave();
        } else if message.received >= line.work.receives_max() {
            let times = message.received;
            say("ERR", &format!(": failed {times} times, now a dead letter"));
            let Message { id, body, .. } = message;
            let work = line.work;
            line.dead().push(DeadLetter { work, id, body });
            line.leave();
        } else {
            let delay = inner
                .delay
                .saturating_mul(1 << (message.received - 1).min(DOUBLINGS_MAX));
            say("ERR", &format!(": comes again in {:.1} s", delay.as_secs_f64()));
            let inner = Arc::clone(&inner);
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                let _ = inner.lines[at].inbox.send(message);
            });
        }
    }
}

/// The ids of the records that have to come again; `None` when the function ended without saying.
async fn invoke(shared: &Shared, work: Work, event: Value) -> Option<Vec<String>> {
    let functions = shared.functions();
    let working = tokio::spawn(async move { functions.take(work, event).await });
    tokio::time::timeout(PATIENCE, working).await.ok()?.ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_names_the_kind_alone() {
        let event = json!({ "type": "workspace.created", "workspace": { "name": "Acme" } }).to_string();
        assert_eq!(Work::Provisioning.title_of(&event), "workspace.created");
        let wrapped = json!({ "detail-type": "workspace.deleted", "detail": {} }).to_string();
        assert_eq!(Work::Provisioning.title_of(&wrapped), "workspace.deleted");
        let spooled = json!({ "path": "/api/webhooks/signalwire/sms", "body": "eA==" }).to_string();
        assert_eq!(Work::Spool.title_of(&spooled), "/api/webhooks/signalwire/sms");
        assert_eq!(Work::Spool.title_of("no JSON"), "(no type)");
    }
}
