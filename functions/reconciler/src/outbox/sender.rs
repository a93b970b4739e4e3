//! One event to one endpoint, signed (Standard Webhooks).
//!
//! The address of an endpoint is judged where it is connected to: the resolver of this client gives only addresses that may be
//! reached, so a name that leads elsewhere a second after it was looked at leads nowhere. Redirects are not followed, proxies not
//! used, and of the answer nothing but the status is believed.

use common::domain::target::{BadTarget, Reach, TargetUrl, is_public};
use common::store::{Attempt, DueEndpoint};
use jiff::Timestamp;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use secrecy::ExposeSecret;
use serde_json::Value;
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};
use std::error::Error;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How long an endpoint may take, from the connection to the end of its answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How much of an answer is read, so that the connection can be used again.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Sends events.
pub struct Sender {
    reach: Reach,
    http: OnceLock<reqwest::Client>,
}

/// The three headers of Standard Webhooks.
type Headers = [(&'static str, String); 3];

/// What an endpoint answered.
struct Answer {
    status: u16,
    retry_after_seconds: Option<i32>,
}

impl Sender {
    /// One that goes so far.
    pub fn new(reach: Reach) -> Self {
        Self {
            reach,
            http: OnceLock::new(),
        }
    }

    /// Sends one event; whatever happens is an attempt.
    pub async fn send(&self, endpoint: &DueEndpoint, event: Uuid, document: &Value) -> Attempt {
        let begun = Instant::now();
        let body = document.to_string();
        let outcome = match self.prepare(endpoint, event, &body) {
            Ok((url, headers)) => {
                let exchange = tokio::time::timeout(ANSWER_MAX, self.post(&url, headers, body)).await;
                exchange.unwrap_or_else(|_| Err(format!("no answer within {} s", ANSWER_MAX.as_secs())))
            }
            Err(why) => Err(why),
        };
        let duration_ms = i32::try_from(begun.elapsed().as_millis()).unwrap_or(i32::MAX);
        let id = Uuid::now_v7();
        match outcome {
            Ok(answer) => Attempt {
                id,
                status: Some(answer.status),
                error: (!(200..300).contains(&answer.status))
                    .then(|| format!("the endpoint answered {}", answer.status)),
                duration_ms,
                retry_after_seconds: answer.retry_after_seconds,
            },
            Err(why) => Attempt {
                id,
                status: None,
                error: Some(why),
                duration_ms,
                retry_after_seconds: None,
            },
        }
    }

    fn prepare(
        &self,
        endpoint: &DueEndpoint,
        event: Uuid,
        body: &str,
    ) -> Result<(TargetUrl, Headers), String> {
        let url = TargetUrl::parse(&endpoint.url, self.reach).map_err(|error| error.to_string())?;
        let id = event.to_string();
        let at = Timestamp::now().as_second();
        let mut signatures = Vec::new();
        for secret in &endpoint.secrets {
            let signed =
                Webhook::new(secret.expose_secret()).and_then(|key| key.sign(&id, at, body.as_bytes()));
            signatures.push(signed.map_err(|_| "the endpoint's secret cannot sign".to_owned())?);
        }
        let headers = [
            (HEADER_WEBHOOK_ID, id),
            (HEADER_WEBHOOK_TIMESTAMP, at.to_string()),
            (HEADER_WEBHOOK_SIGNATURE, signatures.join(" ")),
        ];
        Ok((url, headers))
    }

    async fn post(&self, url: &TargetUrl, headers: Headers, body: String) -> Result<Answer, String> {
        let mut request = self
            .http()
            .post(url.as_url().clone())
            .header("content-type", "application/json")
            .header("user-agent", "Ringspace-Webhooks/1");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut response = request.body(body).send().await.map_err(|error| said(&error))?;
        let mut read = 0;
        while let Ok(Some(chunk)) = response.chunk().await {
            read += chunk.len();
            if read > ANSWER_BYTES_MAX {
                break;
            }
        }
        Ok(Answer {
            status: response.status().as_u16(),
            retry_after_seconds: response
                .headers()
                .get("retry-after")
                .and_then(|value| value.to_str().ok()?.trim().parse().ok())
                .filter(|seconds| *seconds >= 0),
        })
    }

    fn http(&self) -> &reqwest::Client {
        self.http.get_or_init(|| {
            reqwest::Client::builder()
                .tls_backend_preconfigured(common::tls::client_config(&[]))
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .dns_resolver(Judged(self.reach))
                .connect_timeout(Duration::from_secs(3))
                .pool_max_idle_per_host(1)
                .pool_idle_timeout(Duration::from_secs(5))
                .build()
                .expect("nothing in these options depends on the environment")
        })
    }
}

/// The error in our words: its own text shows the URL, and with it whatever token that holds.
fn said(error: &reqwest::Error) -> String {
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(inner) = cause {
        if let Some(judged) = inner.downcast_ref::<BadTarget>() {
            return judged.to_string();
        }
        cause = inner.source();
    }
    if error.is_timeout() {
        "no connection within 3 s"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    }
    .to_owned()
}

/// Resolves names to addresses that may be reached.
struct Judged(Reach);

impl Resolve for Judged {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found
                .filter(|address| reach == Reach::Anywhere || is_public(address.ip()))
                .collect();
            if allowed.is_empty() {
                return Err(BadTarget::Private.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::{Read, Write};

    fn endpoint(url: &str) -> DueEndpoint {
        DueEndpoint {
            id: Uuid::from_u128(1),
            workspace_id: Uuid::from_u128(2),
            url: url.to_owned(),
            secrets: vec!["whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3".into()],
        }
    }

    /// A server that answers once.
    fn listen(answer: &'static str) -> (u16, std::thread::JoinHandle<String>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = vec![0; 8192];
            let read = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        (port, served)
    }

    #[tokio::test]
    async fn a_signed_post() {
        let (port, served) = listen("HTTP/1.1 204 No Content\r\n\r\n");
        let sender = Sender::new(Reach::Anywhere);
        let to = endpoint(&format!("http://127.0.0.1:{port}/hook"));
        let attempt = sender
            .send(&to, Uuid::from_u128(9), &json!({ "type": "x" }))
            .await;
        assert_eq!((attempt.status, attempt.error), (Some(204), None));
        let request = served.join().unwrap();
        assert!(request.starts_with("POST /hook HTTP/1.1\r\n"), "{request}");
        for part in [
            "webhook-id: 00000000-0000-0000-0000-000000000009\r\n",
            "webhook-signature: v1,",
            "webhook-timestamp: ",
        ] {
            assert!(request.contains(part), "{request}");
        }
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let (port, served) = listen(
            "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\nretry-after: 7\r\n\r\n",
        );
        let to = endpoint(&format!("http://127.0.0.1:{port}/"));
        let attempt = Sender::new(Reach::Anywhere)
            .send(&to, Uuid::from_u128(9), &json!({}))
            .await;
        assert_eq!(
            (attempt.status, attempt.retry_after_seconds),
            (Some(302), Some(7))
        );
        served.join().unwrap();
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_leads_nowhere() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        // judged by its name alone this would pass: what it resolves to is what counts
        let url = TargetUrl::parse(&format!("http://localhost:{port}/"), Reach::Anywhere).unwrap();
        let refused = Sender::new(Reach::Public)
            .post(
                &url,
                [("a", String::new()), ("b", String::new()), ("c", String::new())],
                String::new(),
            )
            .await
            .err()
            .unwrap();
        assert_eq!(refused, BadTarget::Private.to_string());
        assert!(listener.accept().is_err(), "nothing was connected to");
        let literal = Sender::new(Reach::Public)
            .send(
                &endpoint(&format!("https://127.0.0.1:{port}/")),
                Uuid::from_u128(9),
                &json!({}),
            )
            .await;
        assert_eq!(
            literal.error.as_deref(),
            Some(BadTarget::Private.to_string().as_str())
        );
        assert!(listener.accept().is_err(), "nothing was connected to");
    }

    #[tokio::test]
    async fn nobody_there_and_a_secret_that_signs_nothing() {
        let port = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        let mut to = endpoint(&format!("http://127.0.0.1:{port}/token"));
        let attempt = Sender::new(Reach::Anywhere)
            .send(&to, Uuid::from_u128(9), &json!({}))
            .await;
        assert_eq!(
            (attempt.status, attempt.error.as_deref()),
            (None, Some("no connection"))
        );
        to.secrets = vec!["whsec_*".into()];
        let attempt = Sender::new(Reach::Anywhere)
            .send(&to, Uuid::from_u128(9), &json!({}))
            .await;
        assert_eq!(
            attempt.error.as_deref(),
            Some("the endpoint's secret cannot sign")
        );
    }
}
