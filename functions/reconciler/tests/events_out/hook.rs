//! An endpoint of a workspace, on this machine.

use lambda_http::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What everything is signed with here.
pub const SECRET: &str = "whsec_c2VjcmV0IG9mIHRoZSBlbmRwb2ludCBpbiB0ZXN0cw==";

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Received {
    pub headers: HeaderMap,
    pub body: String,
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A server; it ends with the test's runtime.
pub struct Hook {
    port: u16,
    received: Arc<Mutex<Vec<Received>>>,
    connections: Arc<AtomicUsize>,
}

impl Hook {
    /// One that answers its n-th request with this status.
    pub async fn start(status: fn(usize) -> u16) -> Self {
        Self::listen(Some(status)).await
    }

    /// One that never answers.
    pub async fn silent() -> Self {
        Self::listen(None).await
    }

    async fn listen(status: Option<fn(usize) -> u16>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hook = Self {
            port: listener.local_addr().unwrap().port(),
            received: Arc::default(),
            connections: Arc::default(),
        };
        let (received, connections) = (hook.received.clone(), hook.connections.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, received.clone(), status));
            }
        });
        hook
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(
    stream: TcpStream,
    received: Arc<Mutex<Vec<Received>>>,
    status: Option<fn(usize) -> u16>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut headers = HeaderMap::new();
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        if line.is_empty() {
            return None;
        }
        loop {
            line.clear();
            stream.read_line(&mut line).await.ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            headers.insert(
                name.parse::<HeaderName>().ok()?,
                HeaderValue::from_str(value).ok()?,
            );
        }
        let length: usize = headers.get("content-length")?.to_str().ok()?.parse().ok()?;
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        let Some(status) = status else {
            std::future::pending::<()>().await;
            return None;
        };
        let answer = {
            let mut all = received.lock().unwrap();
            let status = status(all.len());
            all.push(Received {
                headers,
                body: String::from_utf8(body).ok()?,
            });
            let length = if status == 204 {
                ""
            } else {
                "content-length: 0\r\n"
            };
            format!("HTTP/1.1 {status} Status\r\n{length}\r\n")
        };
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}
