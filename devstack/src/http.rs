//! A small HTTP client for servers on this machine: one request, one connection.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Method, Request, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// Longer than API Gateway waits for a function.
const PATIENCE: Duration = Duration::from_secs(35);

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; what is no UTF-8 is replaced.
    pub body: String,
}

impl Answer {
    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Sends a request to an `http` URL.
///
/// # Errors
/// What went wrong, for a person.
pub async fn request(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<Answer, String> {
    let failed = |error: String| format!("{method} {url}: {error}");
    match tokio::time::timeout(PATIENCE, exchange(method, url, headers, body.into())).await {
        Ok(result) => result.map_err(failed),
        Err(_) => Err(failed(format!("no answer within {} s", PATIENCE.as_secs()))),
    }
}

async fn exchange(method: &str, url: &str, headers: &[(&str, &str)], body: Bytes) -> Result<Answer, String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    let (_, rest) = url.split_once("http://").ok_or("not an http URL")?;
    // The path goes out as it is written: a signature covers it.
    let (authority, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let stream = TcpStream::connect(authority).await.map_err(|e| text(&e))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| text(&e))?;
    let driver = tokio::spawn(connection);
    let mut request = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).map_err(|e| text(&e))?)
        .uri(if target.is_empty() { "/" } else { target })
        .header(header::HOST, authority);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body)).map_err(|e| text(&e))?;
    let (parts, body) = sender
        .send_request(request)
        .await
        .map_err(|e| text(&e))?
        .into_parts();
    let bytes = to_bytes(Body::new(body), usize::MAX)
        .await
        .map_err(|e| text(&e))?;
    driver.abort();
    Ok(Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: String::from_utf8_lossy(&bytes).into_owned(),
    })
}
