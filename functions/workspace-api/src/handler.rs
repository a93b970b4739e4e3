//! The story of one request: which route, who asks, what for, and its answer.

use crate::cursor::Cursors;
use crate::route::{Call, Failure, Run};
use crate::{openapi, request};
use common::caller::Callers;
use common::config::{ConfigError, Live, Settings, StartError};
use common::domain::destination::AllowedCountries;
use common::http::{Problem, RawRequest, answer};
use common::queue::Queue;
use common::signalwire::Client;
use common::store::Store;
use common::webhook::urls::AppUrl;
use lambda_http::http::HeaderValue;
use lambda_http::{Body, Request, Response};
use secrecy::ExposeSecret;
use std::time::Duration;

/// What the function is made of.
pub struct Parts {
    pub(crate) callers: Callers,
    pub(crate) store: Store,
    pub(crate) carrier: Client,
    pub(crate) provisioning: Queue,
    pub(crate) urls: AppUrl,
    pub(crate) countries: AllowedCountries,
    pub(crate) default_area_code: String,
    pub(crate) cursors: Cursors,
}

impl Parts {
    fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        Ok(Self {
            callers: Callers::from_settings(settings)?,
            store: Store::from_settings(settings, Duration::from_secs(8))?.patient(),
            carrier: Client::from_settings(settings)?,
            provisioning: Queue::from_settings(settings, "PROVISIONING_QUEUE_URL")?,
            urls: settings.app_url()?,
            countries: settings.allowed_countries()?,
            default_area_code: settings.default_area_code()?,
            cursors: Cursors::from_secret(settings.secret("SIGNALWIRE_TOKEN")?.expose_secret()),
        })
    }
}

/// The function.
pub struct App {
    live: Live<Parts>,
    /// What is sent goes the one way that everything goes.
    sender: outbound_send::App,
}

impl App {
    /// Starts from the environment.
    ///
    /// # Errors
    /// A setting, by name.
    pub async fn start() -> Result<Self, StartError> {
        Ok(Self {
            sender: outbound_send::App::start_with(Settings::from_environment()).await?,
            live: Live::start(Parts::from_settings).await?,
        })
    }

    /// Starts from given settings.
    ///
    /// # Errors
    /// A setting, by name.
    pub async fn start_with(settings: Settings) -> Result<Self, StartError> {
        Ok(Self {
            sender: outbound_send::App::start_with(settings.clone()).await?,
            live: Live::start_with(settings, Parts::from_settings).await?,
        })
    }

    /// Answers one request.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        let raw = RawRequest::of(&request);
        let failure = match self.answer(&raw).await {
            Ok(response) => return response,
            Err(Failure::Problem(problem)) => problem,
            Err(Failure::Store(error)) => {
                tracing::error!(%error, "Workspace API: the database did not answer");
                let mut problem = if error.is_transient() {
                    Problem::new(503, "not_stored", "nothing has happened; try again")
                } else {
                    Problem::new(
                        500,
                        "internal_error",
                        "this is our mistake, and it has been logged",
                    )
                };
                problem.retry_after_seconds = error.is_transient().then_some(1);
                problem
            }
        };
        tracing::info!(
            code = failure.code,
            status = failure.status,
            "Workspace API: refused"
        );
        let mut response = failure.to_response();
        if let Some(allow) = failure.members.get("allow").and_then(|allow| allow.as_array()) {
            let methods: Vec<&str> = allow.iter().filter_map(|method| method.as_str()).collect();
            if let Ok(value) = HeaderValue::from_str(&methods.join(", ")) {
                response.headers_mut().insert("allow", value);
            }
        }
        response
    }

    async fn answer(&self, raw: &RawRequest<'_>) -> Result<Response<Body>, Failure> {
        if raw.path == "/api/openapi.json" {
            return match raw.method {
                "GET" => Ok(answer(200, "application/json", openapi::text().to_owned())),
                _ => Err(Problem::new(405, "method_not_allowed", "this route takes GET")
                    .with("allow", vec!["GET"])
                    .into()),
            };
        }
        let matched = request::find(raw.method, raw.path)?; // 1. what for
        let parts = self.live.get().await;
        let caller = parts.callers.identify(raw.header("authorization")).await?; // 2. who
        caller.check(matched.route.scope)?;
        let asked = request::read(raw, &matched, &parts.cursors)?; // 3. with what
        let mut call = Call {
            live: &self.live,
            sender: &self.sender,
            parts,
            route: matched.route,
            caller,
            workspace: asked.workspace,
            arguments: asked.arguments,
            listing: asked.listing,
            key: asked.key,
        };
        match matched.route.run {
            Run::Statement(statement) => {
                call.arguments.insert("webhooks".to_owned(), call.webhooks());
                let answered = call.ask(statement, &call.arguments).await?;
                Ok(call.answer(answered))
            }
            Run::Custom(custom) => custom(call).await,
        }
    }
}
