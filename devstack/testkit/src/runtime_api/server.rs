//! The Lambda Runtime API: hands out events and takes answers.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State as Extract};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot, watch};
use uuid::Uuid;

use super::Moment;

/// Lambda's own limit for an answer.
const ANSWER_BYTES_MAX: usize = 6 * 1024 * 1024;

/// An invocation that will not be answered.
#[derive(Debug, Clone)]
pub(super) enum Failed {
    /// With an error document.
    Reported(Value),
    /// Because the process ended, thus.
    Exited(String),
}

type Answer = Result<Value, Failed>;

/// The caller's side of an invocation.
pub(super) struct Pending {
    pub(super) number: u64,
    pub(super) answer: oneshot::Receiver<Answer>,
}

#[derive(Debug)]
struct Invocation {
    number: u64,
    id: String,
    payload: Vec<u8>,
    answer: oneshot::Sender<Answer>,
}

/// What the server and the function's handle share.
#[derive(Debug)]
pub(super) struct State {
    name: String,
    timeout: Duration,
    work: Mutex<Work>,
    arrived: Notify,
    polled: watch::Sender<Moment>,
    begun: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Work {
    queue: VecDeque<Invocation>,
    running: HashMap<String, oneshot::Sender<Answer>>,
    invocations: u64,
    first_answer: Moment,
    init_error: Option<Value>,
}

impl State {
    pub(super) fn new(name: String, timeout: Duration) -> Self {
        Self {
            name,
            timeout,
            work: Mutex::default(),
            arrived: Notify::new(),
            polled: watch::Sender::new(None),
            begun: watch::Sender::new(0),
        }
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enqueue(&self, payload: Vec<u8>) -> Pending {
        let (answer, answered) = oneshot::channel();
        let mut work = self.work();
        work.invocations += 1;
        let number = work.invocations;
        work.queue.push_back(Invocation {
            number,
            id: Uuid::new_v4().to_string(),
            payload,
            answer,
        });
        drop(work);
        self.arrived.notify_one();
        Pending {
            number,
            answer: answered,
        }
    }

    /// Ends everything that waits for a process that is gone.
    pub(super) fn fail_all(&self, status: &str) {
        let mut work = self.work();
        let queued: Vec<_> = work.queue.drain(..).map(|invocation| invocation.answer).collect();
        let running: Vec<_> = work.running.drain().map(|(_, answer)| answer).collect();
        for answer in queued.into_iter().chain(running) {
            let _ = answer.send(Err(Failed::Exited(status.to_owned())));
        }
    }

    /// The number of the latest invocation that was handed out.
    pub(super) fn begun(&self) -> watch::Receiver<u64> {
        self.begun.subscribe()
    }

    pub(super) fn polled(&self) -> watch::Receiver<Moment> {
        self.polled.subscribe()
    }

    pub(super) fn first_poll(&self) -> Moment {
        *self.polled.borrow()
    }

    pub(super) fn first_answer(&self) -> Moment {
        self.work().first_answer
    }

    pub(super) fn init_error(&self) -> Option<Value> {
        self.work().init_error.clone()
    }

    fn finish(&self, id: &str, answer: Answer) -> Response {
        let mut work = self.work();
        work.first_answer.get_or_insert_with(Instant::now);
        match work.running.remove(id) {
            Some(waiting) => {
                // A caller that no longer waits is no matter of the function's.
                let _ = waiting.send(answer);
                accepted()
            }
            None => refused(
                StatusCode::BAD_REQUEST,
                "InvalidRequestID",
                "no such invocation is running",
            ),
        }
    }
}

/// The routes that a runtime calls.
pub(super) fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .layer(DefaultBodyLimit::max(ANSWER_BYTES_MAX))
        .with_state(state)
}

async fn next(Extract(state): Extract<Arc<State>>) -> Response {
    state.polled.send_if_modified(|polled| {
        let first = polled.is_none();
        polled.get_or_insert_with(Instant::now);
        first
    });
    loop {
        // Asked for before the queue is looked at, so that what arrives in between is not missed.
        let arrived = state.arrived.notified();
        let taken = {
            let mut work = state.work();
            let taken = work.queue.pop_front();
            taken.map(|invocation| {
                work.running.insert(invocation.id.clone(), invocation.answer);
                (invocation.number, invocation.id, invocation.payload)
            })
        };
        if let Some((number, id, payload)) = taken {
            state.begun.send_replace(number);
            return event(&state, &id, payload);
        }
        arrived.await;
    }
}

fn event(state: &State, id: &str, payload: Vec<u8>) -> Response {
    let deadline = jiff::Timestamp::now().as_millisecond()
        + i64::try_from(state.timeout.as_millis()).unwrap_or(i64::MAX / 2);
    let trace = format!(
        "Root=1-5759e988-{};Parent=53995c3f42cd8ad8;Sampled=0",
        &id.replace('-', "")[..24]
    );
    let arn = format!("arn:aws:lambda:us-east-1:123456789012:function:{}", state.name);
    let headers = [
        (
            HeaderName::from_static("content-type"),
            "application/json".to_owned(),
        ),
        (
            HeaderName::from_static("lambda-runtime-aws-request-id"),
            id.to_owned(),
        ),
        (
            HeaderName::from_static("lambda-runtime-deadline-ms"),
            deadline.to_string(),
        ),
        (
            HeaderName::from_static("lambda-runtime-invoked-function-arn"),
            arn,
        ),
        (HeaderName::from_static("lambda-runtime-trace-id"), trace),
    ];
    (headers, payload).into_response()
}

async fn response(Extract(state): Extract<Arc<State>>, Path(id): Path<String>, body: Bytes) -> Response {
    state.finish(&id, Ok(document(&body)))
}

async fn error(Extract(state): Extract<Arc<State>>, Path(id): Path<String>, body: Bytes) -> Response {
    state.finish(&id, Err(Failed::Reported(document(&body))))
}

async fn init_error(Extract(state): Extract<Arc<State>>, headers: HeaderMap, body: Bytes) -> Response {
    let mut document = document(&body);
    let kind = headers
        .get("lambda-runtime-function-error-type")
        .and_then(|value| value.to_str().ok());
    if let (Some(fields), Some(kind)) = (document.as_object_mut(), kind) {
        fields.entry("errorType").or_insert_with(|| json!(kind));
    }
    state.work().init_error = Some(document);
    accepted()
}

/// A function may answer with text that is no JSON; Lambda passes it on, and a test should see it.
fn document(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, axum::Json(json!({ "status": "OK" }))).into_response()
}

fn refused(status: StatusCode, kind: &str, message: &str) -> Response {
    (
        status,
        axum::Json(json!({ "errorType": kind, "errorMessage": message })),
    )
        .into_response()
}
