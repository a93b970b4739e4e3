//! The edge of an HTTP function: API Gateway HTTP API events (payload 2.0) in, answers out.

use crate::metrics;
use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt;
use lambda_http::http::header::{CONTENT_TYPE, HOST, SET_COOKIE, WWW_AUTHENTICATE};
use lambda_http::http::{HeaderMap, StatusCode};
use lambda_http::request::LambdaRequest;
use lambda_http::{Body, Request, RequestExt, Response};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::json;
use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;

/// API Gateway takes no longer request line.
const TARGET_BYTES_MAX: usize = 10_240;

/// A request as the sender made it: the path and query undecoded, the body's bytes.
#[derive(Debug, Clone, Copy)]
pub struct RawRequest<'a> {
    /// `POST`
    pub method: &'a str,
    /// The raw path.
    pub path: &'a str,
    /// The raw query, without the question mark.
    pub query: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The body, base64 undone.
    pub body: &'a [u8],
}

impl<'a> RawRequest<'a> {
    /// A view of a Lambda request.
    pub fn of(request: &'a Request) -> Self {
        Self {
            method: request.method().as_str(),
            path: request.raw_http_path(),
            query: request.uri().query().unwrap_or(""),
            headers: request.headers(),
            body: request.body().as_ref(),
        }
    }

    /// A header's text, the first of that name.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Serves until the process ends.
///
/// # Errors
/// When the Lambda Runtime API cannot be reached.
pub async fn serve<'a, H, F>(handler: H) -> Result<(), lambda_runtime::Error>
where
    H: Fn(Request) -> F + 'a,
    F: Future<Output = Response<Body>> + Send + 'a,
{
    lambda_runtime::run(service_fn(|event: LambdaEvent<ApiGatewayV2httpRequest>| {
        let (request, context) = event.into_parts();
        let request: Request = LambdaRequest::ApiGatewayV2(tame(request)).into();
        let request_id = context.request_id.clone();
        let answering = AssertUnwindSafe(handler(request.with_lambda_context(context))).catch_unwind();
        // the hook of `telemetry` has said where; the sandbox lives on, and the next request finds nothing half done: what a
        // handler keeps between requests (a pool, settings) is behind locks of its own
        async move {
            let answered = async {
                let response = answering.await.unwrap_or_else(|_| plain(500, ""));
                metrics::answered(response.status().as_u16());
                response
            };
            Ok::<_, Infallible>(event_of(metrics::invocation(&request_id, answered).await))
        }
    }))
    .await
}

/// What the gateway reads. `lambda_http` would first translate every body from the character set that its type names, and with
/// that bring the tables of all of them into each binary; ours are UTF-8 already.
fn event_of(response: Response<Body>) -> ApiGatewayV2httpResponse {
    let (mut parts, body) = response.into_parts();
    let cookies = parts
        .headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|cookie| cookie.to_str().ok().map(str::to_owned))
        .collect();
    parts.headers.remove(SET_COOKIE);
    let mut event = ApiGatewayV2httpResponse::default();
    event.status_code = parts.status.as_u16().into();
    event.headers = parts.headers;
    event.cookies = cookies;
    event.is_base64_encoded = matches!(body, Body::Binary(_));
    event.body = (!matches!(body, Body::Empty)).then_some(body);
    event
}

/// The request that an event (payload 2.0) holds, as [`serve`] hands it to a handler: for tests and local gateways.
///
/// # Errors
/// When it is no such event.
pub fn request_from_event(event: serde_json::Value) -> Result<Request, serde_json::Error> {
    serde_json::from_value(event).map(|event| LambdaRequest::ApiGatewayV2(tame(event)).into())
}

/// `lambda_http` puts a URL together from the event and panics when the parts do not fit: a header that no client behind API
/// Gateway can set, but anything else may. We never use that URL, so its parts are made harmless; the raw path stays as it is.
fn tame(mut request: ApiGatewayV2httpRequest) -> ApiGatewayV2httpRequest {
    request.headers.remove(HOST);
    request.headers.remove("x-forwarded-proto");
    request.request_context.domain_name = None;
    request.request_context.stage = None;
    if request.is_base64_encoded {
        let body = request.body.take().unwrap_or_default();
        match STANDARD.decode(&body).map(String::from_utf8) {
            // undone once, here
            Ok(Ok(text)) => {
                request.body = Some(text);
                request.is_base64_encoded = false;
            }
            Ok(Err(_)) => request.body = Some(body), // bytes: undone by `lambda_http`
            // `lambda_http` would panic; as text it fits no signature and is no document
            Err(_) => {
                request.body = Some(body);
                request.is_base64_encoded = false;
            }
        }
    }
    let path = request
        .raw_path
        .take()
        .filter(|path| path.starts_with('/'))
        .unwrap_or_else(|| "/".to_owned());
    let query = request.raw_query_string.take().unwrap_or_default();
    let query: String = query
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() && !"\"<>\\^`{|}#".contains(c) {
                c.to_string()
            } else {
                percent(c)
            }
        })
        .collect();
    if path.len() + query.len() > TARGET_BYTES_MAX {
        request.raw_path = Some("/414".to_owned());
    } else {
        request.raw_path = Some(path);
        request.raw_query_string = Some(query);
    }
    request
}

fn percent(c: char) -> String {
    c.encode_utf8(&mut [0; 4])
        .bytes()
        .map(|byte| format!("%{byte:02X}"))
        .collect()
}

/// A cXML answer.
pub fn cxml(status: u16, document: &crate::webhook::cxml::Document) -> Response<Body> {
    answer(status, "text/xml; charset=utf-8", document.to_xml())
}

/// A JSON answer.
pub fn json(status: u16, value: &serde_json::Value) -> Response<Body> {
    answer(status, "application/json", value.to_string())
}

/// A plain answer, without detail.
pub fn plain(status: u16, text: &str) -> Response<Body> {
    answer(status, "text/plain; charset=utf-8", text.to_owned())
}

/// An answer of any kind.
pub fn answer(status: u16, content_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::Text(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(
        CONTENT_TYPE,
        lambda_http::http::HeaderValue::from_static(content_type),
    );
    response
}

/// A problem document (RFC 9457) with a stable `code`.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The stable name that programs read.
    pub code: &'static str,
    /// What is wrong and what to do, for a person.
    pub detail: String,
    /// More members.
    pub members: serde_json::Map<String, serde_json::Value>,
    /// `Retry-After`, in seconds.
    pub retry_after_seconds: Option<u32>,
}

impl Problem {
    /// A problem.
    pub fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            members: serde_json::Map::new(),
            retry_after_seconds: None,
        }
    }

    /// The same with one more member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// The document.
    pub fn to_json(&self) -> serde_json::Value {
        let title = StatusCode::from_u16(self.status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or("Error");
        let mut document = json!({ "type": "about:blank", "title": title, "status": self.status, "code": self.code, "detail": self.detail });
        if let Some(object) = document.as_object_mut() {
            object.extend(self.members.clone());
        }
        document
    }

    /// The answer.
    pub fn to_response(&self) -> Response<Body> {
        let mut response = answer(
            self.status,
            "application/problem+json",
            self.to_json().to_string(),
        );
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert("retry-after", seconds.into());
        }
        if self.code == "unauthorized" {
            let scheme = lambda_http::http::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(path: &str, query: &str, headers: &[(&str, &str)]) -> Option<ApiGatewayV2httpRequest> {
        let headers: serde_json::Map<String, serde_json::Value> = headers
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).into()))
            .collect();
        serde_json::from_value(json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query, "headers": headers,
            "requestContext": { "stage": "$default", "domainName": "x.example", "http": { "method": "POST", "path": path } },
            "body": "aGk=", "isBase64Encoded": true
        }))
        .ok()
    }

    #[test]
    fn raw_parts_survive() {
        let request: Request = LambdaRequest::ApiGatewayV2(tame(
            event("/a%20b/c", "x=1%2B2&y=%20", &[("host", "evil")]).unwrap(),
        ))
        .into();
        let raw = RawRequest::of(&request);
        assert_eq!(
            (raw.method, raw.path, raw.query, raw.body),
            ("POST", "/a%20b/c", "x=1%2B2&y=%20", b"hi".as_slice())
        );
    }

    #[test]
    fn a_body_in_base64_is_undone_and_what_is_none_is_text() {
        let body_of = |body: &str| {
            let mut event = event("/a", "", &[]).unwrap();
            event.body = Some(body.to_owned());
            let request: Request = LambdaRequest::ApiGatewayV2(tame(event)).into();
            RawRequest::of(&request).body.to_vec()
        };
        assert_eq!(body_of("aGk="), b"hi");
        assert_eq!(body_of("/w=="), [0xff]);
        assert_eq!(body_of(""), b"");
        for text in ["%%%", "aGk", "aGk=x", "\u{e9}"] {
            assert_eq!(body_of(text), text.as_bytes());
        }
    }

    #[test]
    fn answers_become_events() {
        let mut response = answer(201, "application/json", "{\"a\":\"é\"}".to_owned());
        response.headers_mut().append(SET_COOKIE, "a=1".parse().unwrap());
        response.headers_mut().append(SET_COOKIE, "b=2".parse().unwrap());
        let event = serde_json::to_value(event_of(response)).unwrap();
        assert_eq!(event["statusCode"], 201);
        assert_eq!(event["headers"], json!({ "content-type": "application/json" }));
        assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
        assert_eq!(
            (&event["body"], &event["isBase64Encoded"]),
            (&"{\"a\":\"é\"}".into(), &false.into())
        );
        let binary = serde_json::to_value(event_of(Response::new(Body::Binary(b"hi".to_vec())))).unwrap();
        assert_eq!(
            (&binary["body"], &binary["isBase64Encoded"]),
            (&"aGk=".into(), &true.into())
        );
        assert_eq!(
            serde_json::to_value(event_of(Response::new(Body::Empty))).unwrap()["body"],
            serde_json::Value::Null
        );
    }

    #[test]
    fn problems_are_documents() {
        let response = Problem {
            retry_after_seconds: Some(7),
            ..Problem::new(503, "carrier_refused", "wait")
        }
        .with("carrierCode", "20429")
        .to_response();
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["retry-after"], "7");
        let Body::Text(text) = response.body() else {
            panic!()
        };
        let document: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(document["code"], "carrier_refused");
        assert_eq!(document["carrierCode"], "20429");
        assert_eq!(document["status"], 503);
    }

    proptest! {
        #[test]
        fn no_request_panics(path in any::<String>(), query in any::<String>(), host in any::<String>(), proto in "[ -~]{0,20}") {
            for path in [path.clone(), format!("/{path}"), format!(":{path}")] {
                if let Some(event) = event(&path, &query, &[("host", &host), ("x-forwarded-proto", &proto)]) {
                    let request: Request = LambdaRequest::ApiGatewayV2(tame(event)).into();
                    let _ = RawRequest::of(&request);
                }
            }
        }
    }
}
