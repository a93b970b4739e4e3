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
