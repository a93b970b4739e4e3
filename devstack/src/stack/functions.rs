//! The functions, and which of them answers what (spec §1).

use std::sync::{Arc, PoisonError, RwLock};

use common::config::{Settings, StartError};
use lambda_http::{Body, Request, Response};

use super::error::Error;
use super::options::Observer;

/// Where the carrier's webhooks come in.
const SIGNALWIRE: &str = "/api/webhooks/signalwire";

/// All functions that exist, started with the same settings.
pub(super) struct Functions {
    sms_webhook: sms_webhook::App,
    voice_webhook: voice_webhook::App,
    status_callback: status_callback::App,
    outbound_send: outbound_send::App,
    workspace_api: workspace_api::App,
    clerk_webhook: clerk_webhook::App,
    pub(super) provision_trigger: provision_trigger::App,
}

/// A function with an HTTP trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    SmsWebhook,
    VoiceWebhook,
    StatusCallback,
    OutboundSend,
    WorkspaceApi,
    ClerkWebhook,
}

impl Route {
    /// The routes of the template: exact paths, and everything below `voice` and `status`, by POST; the workspace API takes more.
    pub(super) fn of(method: &str, path: &str) -> Option<Self> {
        if path.starts_with("/api/workspaces/") || (method, path) == ("GET", "/api/openapi.json") {
            return ["GET", "POST", "PUT", "PATCH", "DELETE"]
                .contains(&method)
                .then_some(Self::WorkspaceApi);
        }
        if method != "POST" {
            return None;
        }
        match path {
            "/api/communications" => return Some(Self::OutboundSend),
            "/api/webhooks/clerk" => return Some(Self::ClerkWebhook),
            _ => {}
        }
        match path.strip_prefix(SIGNALWIRE)? {
            "/sms" | "/whatsapp" => Some(Self::SmsWebhook),
            "/voice" => Some(Self::VoiceWebhook),
            "/status" => Some(Self::StatusCallback),
            tail if tail.starts_with("/voice/") => Some(Self::VoiceWebhook),
            tail if tail.starts_with("/status/") => Some(Self::StatusCallback),
            _ => None,
        }
    }

    /// The function's name.
    pub(super) fn function(self) -> &'static str {
        match self {
            Self::SmsWebhook => "sms-webhook",
            Self::VoiceWebhook => "voice-webhook",
            Self::StatusCallback => "status-callback",
            Self::OutboundSend => "outbound-send",
            Self::WorkspaceApi => "workspace-api",
            Self::ClerkWebhook => "clerk-webhook",
        }
    }
}

impl Functions {
    pub(super) async fn start(settings: &Settings) -> Result<Self, Error> {
        let failed = |function| move |source: StartError| Error::Function { function, source };
        let given = || settings.clone();
        Ok(Self {
            sms_webhook: sms_webhook::App::start_with(given())
                .await
                .map_err(failed("sms-webhook"))?,
            voice_webhook: voice_webhook::App::start_with(given())
                .await
                .map_err(failed("voice-webhook"))?,
            status_callback: status_callback::App::start_with(given())
                .await
                .map_err(failed("status-callback"))?,
            outbound_send: outbound_send::App::start_with(given())
                .await
                .map_err(failed("outbound-send"))?,
            workspace_api: workspace_api::App::start_with(given())
                .await
                .map_err(failed("workspace-api"))?,
            clerk_webhook: clerk_webhook::App::start_with(given())
                .await
                .map_err(failed("clerk-webhook"))?,
            provision_trigger: provision_trigger::App::start_with(given())
                .await
                .map_err(failed("provision-trigger"))?,
        })
    }

    pub(super) async fn answer(&self, route: Route, request: Request) -> Response<Body> {
        match route {
            Route::SmsWebhook => self.sms_webhook.handle(request).await,
            Route::VoiceWebhook => self.voice_webhook.handle(request).await,
            Route::StatusCallback => self.status_callback.handle(request).await,
            Route::OutboundSend => self.outbound_send.handle(request).await,
            Route::WorkspaceApi => self.workspace_api.handle(request).await,
            Route::ClerkWebhook => self.clerk_webhook.handle(request).await,
        }
    }
}

/// What gateway and queue share: the functions, which may be started anew with other settings, and who watches.
pub(super) struct Shared {
    functions: RwLock<Arc<Functions>>,
    observer: RwLock<Option<Observer>>,
}

impl Shared {
    pub(super) fn new(functions: Functions) -> Arc<Self> {
        Arc::new(Self {
            functions: RwLock::new(Arc::new(functions)),
            observer: RwLock::new(None),
        })
    }

    /// Requests under way keep the ones that they began with.
    pub(super) fn functions(&self) -> Arc<Functions> {
        let functions = self.functions.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&functions)
    }

    pub(super) fn replace(&self, functions: Functions) {
        *self.functions.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(functions);
    }

    pub(super) fn observe(&self, observer: Option<Observer>) {
        *self.observer.write().unwrap_or_else(PoisonError::into_inner) = observer;
    }

    pub(super) fn say(&self, line: &str) {
        let observer = self
            .observer
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(observer) = observer {
            observer(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_those_of_the_template() {
        for (method, path, function) in [
            ("POST", "/api/communications", Some("outbound-send")),
            ("GET", "/api/communications", None),
            ("POST", "/api/communications/", None),
            ("GET", "/api/openapi.json", Some("workspace-api")),
            ("GET", "/api/workspaces/w/phone-numbers", Some("workspace-api")),
            ("DELETE", "/api/workspaces/w/conversations", Some("workspace-api")),
            ("TRACE", "/api/workspaces/w/usage", None),
            ("GET", "/api/workspaces", None),
            ("POST", "/api/webhooks/clerk", Some("clerk-webhook")),
            ("POST", "/api/webhooks/signalwire/sms", Some("sms-webhook")),
            ("POST", "/api/webhooks/signalwire/whatsapp", Some("sms-webhook")),
            ("POST", "/api/webhooks/signalwire/voice", Some("voice-webhook")),
            (
                "POST",
                "/api/webhooks/signalwire/voice/dial-result",
                Some("voice-webhook"),
            ),
            (
                "POST",
                "/api/webhooks/signalwire/status/recording",
                Some("status-callback"),
            ),
            ("POST", "/api/webhooks/signalwire/voices", None),
            ("POST", "/api/webhooks/signalwire/fallback/sms", None),
            ("POST", "/", None),
        ] {
            assert_eq!(
                Route::of(method, path).map(Route::function),
                function,
                "{method} {path}"
            );
        }
    }
}
