//! The HTTP side of the carrier: connections, authentication, faults, the record of every request.

use std::{convert::Infallible, fmt, future::pending, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    http::{HeaderMap, Request, Response, header},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::stream;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    answer::Answer,
    carrier::Carrier,
    control,
    endpoint::{Endpoint, Family},
    fault::{Fault, When},
    ledger::RequestRecord,
    rest::ApiCall,
    wire::Params,
};

/// Larger request bodies are refused; the APIs need a few kilobytes.
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// The connection is closed instead of answered.
#[derive(Debug)]
struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closed on purpose")
    }
}

impl std::error::Error for Closed {}

/// Accepts connections until the carrier closes; open ones are then cut.
pub(crate) async fn serve(carrier: Arc<Carrier>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    let mut closed = carrier.closed.subscribe();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => {
                    // Out of descriptors, mostly: others have to end first.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
            () = async { let _ = closed.wait_for(|closed| *closed).await; } => return,
        };
        let _ = stream.set_nodelay(true);
        let carrier = Arc::clone(&carrier);
        connections.spawn(async move {
            let service = service_fn(move |request| handle(Arc::clone(&carrier), request));
            // An error here is a client that went away, or a fault that was ordered.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn handle(carrier: Arc<Carrier>, request: Request<Incoming>) -> Result<Response<Body>, Closed> {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(Body::new(body), REQUEST_BYTES_MAX).await else {
        return Ok(respond(&Answer::compat(
            400,
            10000,
            "Request body could not be read",
        )));
    };
    let path = head.uri.path();
    if path.starts_with("/_sim/") {
        return Ok(respond(
            &control::handle(&carrier, head.method.as_str(), path, &body).await,
        ));
    }
    let route = Endpoint::route(head.method.as_str(), path);
    let mut params = Params::parse(head.uri.query().unwrap_or_default());
    let is_form = content_type(&head.headers).starts_with("application/x-www-form-urlencoded");
    if is_form {
        params.0.extend(Params::parse(&String::from_utf8_lossy(&body)).0);
    }
    let call = ApiCall {
        path: path.to_owned(),
        params,
        json: serde_json::from_slice::<Value>(&body).ok(),
    };

    let operation = route.as_ref().map(|(endpoint, ..)| endpoint.operation());
    let index = {
        let mut state = carrier.state();
        let fault = operation.and_then(|operation| state.faults.take(operation));
        let known = route.as_ref().and_then(|(endpoint, ..)| endpoint.known_params());
        let record = RequestRecord {
            at: state.now(),
            method: head.method.to_string(),
            path: path.to_owned(),
            params: call.params.clone(),
            json: call.json.clone(),
            operation,
            unknown_params: known.map(|known| call.params.unknown(known)).unwrap_or_default(),
            fault,
            status: None,
            answer: None,
        };
        state.requests.push(record);
        state.requests.len() - 1
    };
    let fault = carrier.state().requests[index].fault.clone();
    let note = |status: u16, answer: Option<&Value>| {
        let mut state = carrier.state();
        state.requests[index].status = Some(status);
        state.requests[index].answer = answer.cloned();
    };

    if let Some(fault) = &fault
        && let Some(outcome) = before_effect(fault, route.as_ref().map(|(_, family, _)| *family)).await
    {
        return outcome.inspect(|response| note(response.status().as_u16(), None));
    }
    let answer = match route {
        None => Answer::compat_not_found(),
        Some((endpoint, family, account)) => {
            match refuse(
                &carrier,
                &head.headers,
                head.method.as_str(),
                family,
                account.as_deref(),
                is_form,
                &body,
            ) {
                Some(refusal) => refusal,
                None => carrier.perform(&endpoint, &call),
            }
        }
    };
    match fault {
        Some(Fault::Hang { .. }) => pending().await,
        Some(Fault::Close { .. }) => Err(Closed),
        Some(Fault::Answer { status, body, .. }) => {
            note(status, answer.body.as_ref());
            Ok(raw(status, "application/json", Body::from(body)))
        }
        Some(Fault::TruncatedJson) => {
            note(answer.status, answer.body.as_ref());
            let text = answer.body.as_ref().map(Value::to_string).unwrap_or_default();
            let half = text.chars().take(text.chars().count() / 2).collect::<String>();
            Ok(raw(answer.status, "application/json", Body::from(half)))
        }
        _ => {
            note(answer.status, answer.body.as_ref());
            Ok(respond(&answer))
        }
    }
}

/// What a fault does instead of the effect; `None` when the effect is to happen.
async fn before_effect(fault: &Fault, family: Option<Family>) -> Option<Result<Response<Body>, Closed>> {
    let response = match fault {
        Fault::Hang { when: When::Before } => pending().await,
        Fault::Close { when: When::Before } => return Some(Err(Closed)),
        Fault::Answer {
            status,
            body,
            when: When::Before,
        } => raw(*status, "application/json", Body::from(body.clone())),
        Fault::Html => raw(
            200,
            "text/html; charset=utf-8",
            Body::from("<!DOCTYPE html><html><body>SignalWire</body></html>"),
        ),
        Fault::HugeBody => {
            let chunk = Bytes::from(vec![b'x'; 1 << 20]);
            let chunks = std::iter::once(Bytes::from_static(b"\"")).chain(std::iter::repeat_n(chunk, 50));
            raw(
                200,
                "application/json",
                Body::from_stream(stream::iter(chunks.map(Ok::<_, Infallible>))),
            )
        }
        Fault::RateLimited { retry_after_seconds } => {
            let answer = match family {
                Some(Family::Relay) => Answer::relay_errors(429, "rate_limit_exceeded", "Too many requests"),
                Some(Family::Json) => {
                    Answer::json_errors(429, "rate_limit_exceeded", None, "Too many requests")
                }
                _ => Answer::compat(429, 20429, "Too many requests"),
            };
            respond(&answer.throttled(*retry_after_seconds))
        }
        Fault::Unauthorized => respond(&unauthorized(family.unwrap_or(Family::Compat))),
        Fault::Delay { milliseconds } => {
            tokio::time::sleep(Duration::from_millis(*milliseconds)).await;
            return None;
        }
        _ => return None,
    };
    Some(Ok(response))
}

fn unauthorized(family: Family) -> Answer {
    match family {
        Family::Compat => Answer::compat(401, 20003, "Authentication failed"),
        Family::Relay | Family::Json => Answer::json_error(401, "Unauthorized"),
    }
}

/// What the carrier checks before it looks at a request: who, whose project, which content type.
fn refuse(
    carrier: &Carrier,
    headers: &HeaderMap,
    method: &str,
    family: Family,
    account: Option<&str>,
    is_form: bool,
    body: &[u8],
) -> Option<Answer> {
    let config = &carrier.config;
    let expected = BASE64_STANDARD.encode(format!("{}:{}", config.project_id, carrier.state().token));
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let authorized = given
        .split_once(' ')
        .is_some_and(|(scheme, value)| scheme.eq_ignore_ascii_case("basic") && value.trim() == expected);
    if !authorized {
        return Some(unauthorized(family));
    }
    if account.is_some_and(|account| account != config.project_id) {
        return Some(Answer::compat_not_found());
    }
    if method == "POST" && !body.is_empty() {
        let fits = match family {
            Family::Compat => is_form,
            Family::Relay | Family::Json => content_type(headers).starts_with("application/json"),
        };
        if !fits {
            return Some(match family {
                Family::Compat => Answer::compat(
                    400,
                    10000,
                    "Content-Type must be application/x-www-form-urlencoded",
                ),
                Family::Relay => {
                    Answer::relay_errors(400, "invalid_parameter", "Content-Type must be application/json")
                }
                Family::Json => Answer::json_errors(
                    400,
                    "invalid_parameter",
                    None,
                    "Content-Type must be application/json",
                ),
            });
        }
    }
    None
}

fn content_type(headers: &HeaderMap) -> &str {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn respond(answer: &Answer) -> Response<Body> {
    if let Some((content_type, bytes)) = &answer.file {
        return raw(answer.status, content_type, Body::from(bytes.clone()));
    }
    let body = answer
        .body
        .as_ref()
        .map_or_else(Body::empty, |body| Body::from(body.to_string()));
    let mut response = raw(answer.status, "application/json; charset=utf-8", body);
    if answer.body.is_none() {
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    if let Some(seconds) = answer.retry_after_seconds {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn raw(status: u16, content_type: &str, body: Body) -> Response<Body> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, content_type)
        .body(body)
        .unwrap_or_else(|_| Response::new(Body::from("a fault asked for a status that HTTP does not have")))
}
