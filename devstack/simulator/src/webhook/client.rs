//! One HTTP request as the carrier makes it: exactly the configured URL, the carrier's patience, at most three redirects.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    http::{Request, header},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::StreamExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};
use url::Url;

use crate::config::Timeouts;

/// Answers beyond this are refused with 11750 (FACTS 6).
pub(crate) const ANSWER_BYTES_MAX: usize = 64 * 1024;

const REDIRECTS_MAX: usize = 3;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    location: Option<String>,
    /// Up to one byte more than [`ANSWER_BYTES_MAX`].
    pub(crate) body: Vec<u8>,
}

/// The carrier's code for why nothing usable came back, and words for it.
#[derive(Debug, Clone)]
pub(crate) struct Failure(pub(crate) u32, pub(crate) String);

fn failure(code: u32, text: impl ToString) -> Failure {
    Failure(code, text.to_string())
}

/// Sends a request and follows redirects; those are requested with GET, which loses the body (FACTS 6: "loses `Digits`").
pub(crate) async fn request(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: Bytes,
    timeouts: Timeouts,
) -> Result<Answered, Failure> {
    let mut answer = once(method, url, headers, body, timeouts).await?;
    let mut at = url.to_owned();
    for _ in 0..REDIRECTS_MAX {
        let Some(location) = redirect(&answer) else {
            return Ok(answer);
        };
        at = Url::parse(&at)
            .and_then(|base| base.join(location))
            .map_err(|e| failure(11215, e))?
            .to_string();
        answer = once("GET", &at, &[], Bytes::new(), timeouts).await?;
    }
    match redirect(&answer) {
        Some(_) => Err(failure(11215, "too many redirects")),
        None => Ok(answer),
    }
}

fn redirect(answer: &Answered) -> Option<&str> {
    matches!(answer.status, 301 | 302 | 303 | 307 | 308)
        .then_some(answer.location.as_deref())
        .flatten()
}

async fn once(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: Bytes,
    timeouts: Timeouts,
) -> Result<Answered, Failure> {
    let parsed = Url::parse(url).map_err(|e| failure(11200, e))?;
    if parsed.scheme() != "http" {
        return Err(failure(11220, "the simulator speaks plain HTTP only"));
    }
    let host = parsed.host_str().ok_or_else(|| failure(11200, "no host"))?;
    let port = parsed.port_or_known_default().unwrap_or(80);
    let address = (host.trim_matches(['[', ']']).to_owned(), port);
    let stream = within(timeouts.connect, "connect", TcpStream::connect(address))
        .await?
        .map_err(|e| {
            let code = if e.to_string().contains("lookup") {
                11210
            } else {
                11200
            };
            failure(code, e)
        })?;
    let _ = stream.set_nodelay(true);

    let mut builder = Request::builder()
        .method(method)
        .uri(path_and_query(url))
        .header(header::HOST, host_header(&parsed));
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    if !parsed.username().is_empty() {
        let decode = |text: &str| {
            percent_encoding::percent_decode_str(text)
                .decode_utf8_lossy()
                .into_owned()
        };
        let pair = format!(
            "{}:{}",
            decode(parsed.username()),
            decode(parsed.password().unwrap_or_default())
        );
        builder = builder.header(
            header::AUTHORIZATION,
            format!("Basic {}", BASE64_STANDARD.encode(pair)),
        );
    }
    let request = builder.body(Body::from(body)).map_err(|e| failure(11200, e))?;

    let exchange = async {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|e| failure(11251, e))?;
        let connection = tokio::spawn(connection);
        let outcome = read(sender.send_request(request)).await;
        connection.abort();
        outcome
    };
    within(timeouts.read, "read", exchange).await?
}

async fn read(
    sending: impl Future<Output = hyper::Result<hyper::Response<hyper::body::Incoming>>>,
) -> Result<Answered, Failure> {
    let response = sending.await.map_err(|e| failure(11200, e))?;
    let text = |name: header::HeaderName| {
        response
            .headers()
            .get(name)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let (status, content_type) = (response.status().as_u16(), text(header::CONTENT_TYPE));
    let location = text(header::LOCATION);
    let mut chunks = Body::new(response.into_body()).into_data_stream();
    let mut body = Vec::new();
    while let Some(chunk) = chunks.next().await {
        body.extend_from_slice(&chunk.map_err(|e| failure(11200, e))?);
        if body.len() > ANSWER_BYTES_MAX {
            body.truncate(ANSWER_BYTES_MAX + 1);
            break;
        }
    }
    Ok(Answered {
        status,
        content_type,
        location,
        body,
    })
}

async fn within<T>(limit: Duration, what: &str, work: impl Future<Output = T>) -> Result<T, Failure> {
    timeout(limit, work)
        .await
        .map_err(|_| failure(11200, format!("{what} timeout")))
}

/// The path and query as they stand in `url`, without the fragment, which never travels.
fn path_and_query(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
    let path = rest.find(['/', '?']).map_or("", |at| &rest[at..]);
    if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    }
}

fn host_header(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_sent_as_configured() {
        for (url, expected) in [
            ("http://a", "/"),
            ("http://a?x=1", "/?x=1"),
            ("http://u:p@a:81/b%20c/?q=%2B+#rt=1", "/b%20c/?q=%2B+"),
        ] {
            assert_eq!(path_and_query(url), expected);
        }
    }
}
