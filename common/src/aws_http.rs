//! What the AWS SDKs speak through: the HTTP client that asks the carrier.
//!
//! The one that the SDKs bring along is a second stack with HTTP/2, proxies and the system's certificates. SQS and Secrets Manager need
//! none of it, and every function would carry it.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use lambda_http::http::Response;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How long a connection may take when the SDK does not say.
const CONNECT_MAX: Duration = Duration::from_secs(3);

/// The client; made at the first request, and its connections kept.
#[derive(Debug, Clone, Default)]
pub struct AwsHttp(Arc<OnceLock<reqwest::Client>>);

impl HttpClient for AwsHttp {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let connect_max = settings.connect_timeout().unwrap_or(CONNECT_MAX);
        let client = self.0.get_or_init(|| {
            reqwest::Client::builder()
                .tls_backend_preconfigured(crate::tls::client_config(&[]))
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(connect_max)
                .build()
                .expect("nothing in these options depends on the environment")
        });
        SharedHttpConnector::new(Connector {
            client: client.clone(),
            read_max: settings.read_timeout(),
        })
    }
}

#[derive(Debug)]
struct Connector {
    client: reqwest::Client,
    read_max: Option<Duration>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (client, read_max) = (self.client.clone(), self.read_max);
        HttpConnectorFuture::new(async move {
            let request = request
                .try_into_http1x()
                .map_err(|error| ConnectorError::user(error.into()))?;
            // nothing that we send is a stream
            let (head, body) = request.into_parts();
            let body = body
                .bytes()
                .map(<[u8]>::to_vec)
                .ok_or_else(|| ConnectorError::user("the body is a stream".into()))?;
            let mut request = reqwest::Request::try_from(lambda_http::http::Request::from_parts(head, body))
                .map_err(|error| ConnectorError::user(error.into()))?;
            *request.timeout_mut() = read_max;
            let response = client.execute(request).await.map_err(told)?;
            let (status, headers) = (response.status(), response.headers().clone());
            let mut answer = Response::new(SdkBody::from(response.bytes().await.map_err(told)?));
            *answer.status_mut() = status;
            *answer.headers_mut() = headers;
            HttpResponse::try_from(answer).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// In the words by which the SDK decides whether to try again.
fn told(error: reqwest::Error) -> ConnectorError {
    let error = error.without_url();
    if error.is_timeout() {
        ConnectorError::timeout(error.into())
    } else if error.is_builder() {
        ConnectorError::user(error.into())
    } else {
        ConnectorError::io(error.into())
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Settings;
    use crate::queue::Queue;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;
    use tokio::net::{TcpListener, TcpStream};

    /// What becomes of one request.
    #[derive(Debug, Clone, Copy)]
    enum Turn {
        Taken,
        Unavailable,
        Dropped,
        Silence,
    }

    const TAKEN: &str = r#"{"MessageId":"1","MD5OfMessageBody":"5d41402abc4b2a76b9719d911017c592"}"#;

    /// A queue that does this with one request after the other; gives its settings, and how many there were.
    async fn queue(turns: &'static [Turn]) -> (Queue, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, turns, Arc::clone(&counted)));
            }
        });
        let queue_url = format!("{url}/1/queue");
        let settings = Settings::of(&[("AWS_ENDPOINT_URL", &url), ("PROVISIONING_QUEUE_URL", &queue_url)]);
        let queue = Queue::from_settings(&settings, "PROVISIONING_QUEUE_URL").unwrap();
        (queue, seen)
    }

    async fn serve(stream: TcpStream, turns: &[Turn], seen: Arc<AtomicUsize>) {
        while let Some(request) = read(&stream).await {
            let lower = request.to_ascii_lowercase();
            assert!(lower.contains("x-amz-target: amazonsqs.sendmessage"), "{request}");
            assert!(lower.contains("authorization: aws4-hmac-sha256 "), "{request}");
            let (status, body) = match turns[seen.fetch_add(1, Ordering::SeqCst).min(turns.len() - 1)] {
                Turn::Taken => ("200 OK", TAKEN),
                Turn::Unavailable => ("503 Service Unavailable", "{}"),
                Turn::Dropped => return,
                Turn::Silence => return tokio::time::sleep(Duration::from_secs(60)).await,
            };
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {length}\r\n\r\n{body}"
            );
            write(&stream, answer.as_bytes()).await;
        }
    }

    /// One request, head and body; `None` at the end of the connection.
    async fn read(stream: &TcpStream) -> Option<String> {
        let mut text = String::new();
        let mut part = [0; 4096];
        loop {
            stream.readable().await.ok()?;
            match stream.try_read(&mut part) {
                Ok(0) => return None,
                Ok(count) => text.push_str(&String::from_utf8_lossy(&part[..count])),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let head = head.to_ascii_lowercase();
                let length = head.split_once("content-length: ")?.1;
                let length: usize = length.lines().next()?.trim().parse().ok()?;
                if body.len() >= length {
                    return Some(text);
                }
            }
        }
    }

    async fn write(stream: &TcpStream, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            stream.writable().await.unwrap();
            if let Ok(count) = stream.try_write(bytes) {
                bytes = &bytes[count..];
            }
        }
    }

    #[tokio::test]
    async fn a_connection_that_broke_or_a_service_that_is_busy_is_asked_again() {
        let (queue, seen) = queue(&[
            Turn::Taken,
            Turn::Dropped, // as after a freeze: the kept connection is dead
            Turn::Taken,
            Turn::Unavailable,
            Turn::Taken,
        ])
        .await;
        for requests in [1, 3, 5] {
            queue.send("hello").await.unwrap();
            assert_eq!(seen.load(Ordering::SeqCst), requests);
        }
    }

    #[tokio::test]
    async fn what_never_comes_ends_in_time() {
        let (queue, _) = queue(&[Turn::Silence]).await;
        let error = queue
            .send_within("hello", Duration::from_millis(300))
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the queue did not take the message: no answer within 300 ms"
        );
    }

    #[tokio::test]
    async fn nobody_there_is_told() {
        let settings = Settings::of(&[
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
            ("PROVISIONING_QUEUE_URL", "http://127.0.0.1:9/1/queue"),
        ]);
        let queue = Queue::from_settings(&settings, "PROVISIONING_QUEUE_URL").unwrap();
        let error = queue.send("hello").await.unwrap_err().to_string();
        assert!(error.contains("refused"), "{error}");
    }
}
