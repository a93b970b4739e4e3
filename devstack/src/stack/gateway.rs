//! The gateway: every HTTP request becomes the event that an API Gateway HTTP API makes of it, and the right handler answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{self, Body};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::Response;
use lambda_http::Response as Answer;
use testkit::runtime_api::http_event;

use super::functions::{Route, Shared};

/// API Gateway takes no longer body.
const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;

/// API Gateway waits no longer for a function.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(answer).with_state(shared)
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let began = Instant::now();
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let route = Route::of(&method, &path);
    let response = match route {
        Some(route) => invoke(&shared, route, request).await,
        None => message(StatusCode::NOT_FOUND, "Not Found"),
    };
    shared.say(&format!(
        "{}  {:>7.1} ms  {:<17}  {method} {path}",
        response.status().as_u16(),
        began.elapsed().as_secs_f64() * 1000.0,
        route.map_or("(no route)", Route::function),
    ));
    response
}

async fn invoke(shared: &Shared, route: Route, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = body::to_bytes(body, BODY_BYTES_MAX).await else {
        return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    };
    let headers: Vec<(&str, String)> = head
        .headers
        .iter()
        .map(|(name, value)| {
            (
                name.as_str(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let query = head.uri.query().unwrap_or("");
    let event = http_event(head.method.as_str(), head.uri.path(), query, &headers, &body);
    let Ok(request) = common::http::request_from_event(event) else {
        return message(StatusCode::BAD_REQUEST, "Bad Request");
    };
    // A task of its own: like Lambda, it goes on when the client has left, and its panic is a 500.
    let functions = shared.functions();
    let answering = tokio::spawn(async move { functions.answer(route, request).await });
    match tokio::time::timeout(PATIENCE, answering).await {
        Ok(Ok(answer)) => response(answer),
        Ok(Err(_)) => message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
        Err(_) => message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
    }
}

fn response(answer: Answer<lambda_http::Body>) -> Response {
    let (mut head, body) = answer.into_parts();
    head.headers.remove(CONTENT_LENGTH);
    Response::from_parts(head, Body::from(body.as_ref().to_vec()))
}

/// What API Gateway says by itself.
fn message(status: StatusCode, text: &str) -> Response {
    let body = serde_json::json!({ "message": text }).to_string();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        axum::http::HeaderValue::from_static("application/json"),
    );
    response
}
