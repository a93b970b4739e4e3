//! Delivery: signing, the fallback of documents, the attempts of status callbacks (FACTS 6, 8).

use std::time::Instant;

use axum::body::Bytes;
use tokio::time::timeout;

use crate::{
    carrier::Carrier,
    cxml::{self, Document},
    ledger::{Exchange, WebhookKind},
    resource::number::Hook,
    signature::{sign_form, sign_json},
    webhook::client::{self, ANSWER_BYTES_MAX},
    wire::Params,
};

/// Attempts of a status callback in total.
const ATTEMPTS_MAX: u32 = 3;

/// What a webhook carries.
#[derive(Debug, Clone)]
pub(crate) enum Payload {
    Form(Params),
    Json(String),
}

/// One webhook, ready to be sent as often as needed.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub(crate) kind: WebhookKind,
    pub(crate) sid: String,
    pub(crate) url: String,
    pub(crate) method: String,
    pub(crate) payload: Payload,
}

/// The outcome of a document webhook.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) document: Option<Document>,
}

impl Carrier {
    /// One signed request; recorded, and judged by its status only.
    async fn exchange(&self, webhook: &Webhook, attempt: u32, repeated: bool) -> (Exchange, Vec<u8>) {
        let key = &self.state().signing_key.clone();
        let get = webhook.method == "GET";
        let (url, signature, content_type, sent) = match &webhook.payload {
            Payload::Form(params) if get => {
                // How a GET is signed is not documented: the URL with its query, no body (FACTS 8, uncertain).
                let separator = if webhook.url.contains('?') { '&' } else { '?' };
                let url = format!("{}{separator}{}", webhook.url, params.encode());
                let signature = sign_form(key, &url, &Params::default());
                (url, signature, "", String::new())
            }
            Payload::Form(params) => {
                let signature = sign_form(key, &webhook.url, params);
                (
                    webhook.url.clone(),
                    signature,
                    "application/x-www-form-urlencoded",
                    params.encode(),
                )
            }
            Payload::Json(body) => {
                let signature = sign_json(key, &webhook.url, body.as_bytes());
                (webhook.url.clone(), signature, "application/json", body.clone())
            }
        };
        self.send(webhook, url, signature, content_type, sent, attempt, repeated)
            .await
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one request line by line")]
    async fn send(
        &self,
        webhook: &Webhook,
        url: String,
        signature: String,
        content_type: &str,
        sent: String,
        attempt: u32,
        repeated: bool,
    ) -> (Exchange, Vec<u8>) {
        let mut headers = vec![
            ("X-SignalWire-Signature", signature.as_str()),
            ("User-Agent", "SignalWire"),
        ];
        headers.push(("X-Twilio-Signature", signature.as_str()));
        if !content_type.is_empty() {
            headers.push(("Content-Type", content_type));
        }
        let body = Bytes::from(sent.clone());
        let outcome = client::request(&webhook.method, &url, &headers, body, self.config.timeouts).await;
        let mut exchange = Exchange {
            at: self.now(),
            kind: webhook.kind,
            sid: webhook.sid.clone(),
            attempt,
            repeated,
            method: webhook.method.clone(),
            url,
            signature: signature.clone(),
            content_type: content_type.to_owned(),
            sent,
            status: None,
            answer_type: None,
            body: String::new(),
            error: None,
            error_message: None,
        };
        let mut raw = Vec::new();
        match outcome {
            Ok(answer) => {
                exchange.status = Some(answer.status);
                exchange.answer_type = answer.content_type;
                let shown = &answer.body[..answer.body.len().min(ANSWER_BYTES_MAX)];
                exchange.body = String::from_utf8_lossy(shown).into_owned();
                raw = answer.body;
                if !(200..300).contains(&answer.status) {
                    exchange.error = Some(11217);
                    exchange.error_message = Some(format!("HTTP {}", answer.status));
                } else if raw.len() > ANSWER_BYTES_MAX {
                    exchange.error = Some(11750);
                    exchange.error_message = Some("answer over 64 kB".to_owned());
                }
            }
            Err(client::Failure(code, text)) => {
                exchange.error = Some(code);
                exchange.error_message = Some(text);
            }
        }
        (exchange, raw)
    }

    fn keep(&self, exchange: &Exchange) {
        self.state().exchanges.push(exchange.clone());
    }

    /// Sends it, and once more when duplicates are ordered. The first answer counts.
    async fn attempt(
        &self,
        webhook: &Webhook,
        attempt: u32,
        judge: fn(&mut Exchange, &[u8]),
    ) -> (Exchange, Vec<u8>) {
        let (mut first, raw) = self.exchange(webhook, attempt, false).await;
        judge(&mut first, &raw);
        self.keep(&first);
        if self.config.deliver_twice {
            let (mut second, raw) = self.exchange(webhook, attempt, true).await;
            judge(&mut second, &raw);
            self.keep(&second);
        }
        (first, raw)
    }

    /// A document: once, and once from the fallback when that fails.
    pub(crate) async fn fetch_document(
        &self,
        kind: WebhookKind,
        sid: &str,
        hook: &Hook,
        fallback: &Hook,
        params: &Params,
    ) -> Fetched {
        let mut fetched = Fetched::default();
        for (kind, hook) in [(kind, hook), (WebhookKind::Fallback, fallback)] {
            let Some(url) = hook.url.clone() else { continue };
            let payload = Payload::Form(params.clone());
            let webhook = Webhook {
                kind,
                sid: sid.to_owned(),
                url,
                method: hook.method().to_owned(),
                payload,
            };
            let (exchange, raw) = self.attempt(&webhook, 1, judge_document).await;
            let failed = exchange.error.is_some();
            fetched.exchanges.push(exchange);
            if !failed {
                fetched.document = cxml::parse(&raw).ok();
                break;
            }
        }
        fetched
    }

    /// A status callback: up to three attempts, all within the total time, then it is dropped silently.
    pub(crate) async fn report(&self, webhook: Webhook) -> Vec<Exchange> {
        let mut exchanges = Vec::new();
        let started = Instant::now();
        for attempt in 1..=ATTEMPTS_MAX {
            let left = self.config.timeouts.total.saturating_sub(started.elapsed());
            let Ok((exchange, _)) = timeout(left, self.attempt(&webhook, attempt, judge_callback)).await
            else {
                break;
            };
            let failed = exchange.error.is_some();
            exchanges.push(exchange);
            if !failed {
                break;
            }
            self.pause().await;
        }
        exchanges
    }

    /// One signed request that no rule of delivery applies to.
    pub(crate) async fn post(&self, url: &str, payload: Payload) -> Exchange {
        let webhook = Webhook {
            kind: WebhookKind::Custom,
            sid: String::new(),
            url: url.to_owned(),
            method: "POST".to_owned(),
            payload,
        };
        let (exchange, _) = self.exchange(&webhook, 1, false).await;
        self.keep(&exchange);
        exchange
    }

    /// Sends an earlier exchange again, byte for byte.
    pub(crate) async fn replay(&self, earlier: &Exchange) -> (Exchange, Option<Document>) {
        let webhook = Webhook {
            kind: earlier.kind,
            sid: earlier.sid.clone(),
            url: earlier.url.clone(),
            method: earlier.method.clone(),
            payload: Payload::Json(String::new()),
        };
        let (url, signature) = (earlier.url.clone(), earlier.signature.clone());
        let (mut exchange, raw) = self
            .send(
                &webhook,
                url,
                signature,
                &earlier.content_type,
                earlier.sent.clone(),
                earlier.attempt,
                true,
            )
            .await;
        let is_document = matches!(
            earlier.kind,
            WebhookKind::Message | WebhookKind::Voice | WebhookKind::Action | WebhookKind::Fallback
        );
        if is_document {
            judge_document(&mut exchange, &raw);
        } else {
            judge_callback(&mut exchange, &raw);
        }
        self.keep(&exchange);
        let document = (is_document && exchange.error.is_none())
            .then(|| cxml::parse(&raw).ok())
            .flatten();
        (exchange, document)
    }
}

/// A document must say that it is XML (12300), and be a `<Response>` (12100).
fn judge_document(exchange: &mut Exchange, raw: &[u8]) {
    if exchange.error.is_some() {
        return;
    }
    let media_type = exchange
        .answer_type
        .as_deref()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    let error = match media_type.trim().to_ascii_lowercase().as_str() {
        "application/xml" | "text/xml" => cxml::parse(raw).err().map(|text| (12100, text)),
        other => Some((12300, format!("content type {other:?}"))),
    };
    if let Some((code, text)) = error {
        (exchange.error, exchange.error_message) = (Some(code), Some(text));
    }
}

/// A status callback is to be answered with 200 or 204; anything else is logged as a failure.
fn judge_callback(exchange: &mut Exchange, _: &[u8]) {
    if exchange.error.is_none() && !matches!(exchange.status, Some(200 | 204)) {
        exchange.error = Some(11200);
        exchange.error_message = Some("a status callback is answered with 200 or 204".to_owned());
    }
}
