//! The story of one call.

use crate::script;
use common::config::{Live, Settings, StartError};
use common::ingest::{self, Hook};
use common::receiver::{Arrival, Failure, Receiver, receive};
use common::webhook::Payload;
use common::webhook::cxml::{Document, Verb};
use common::webhook::urls::AppUrl;
use common::webhook::voice::{DialResult, InboundCall};
use common::webhook::voicemail::voicemail;
use lambda_http::{Body, Request, Response};

/// The function.
pub struct App(Live<Receiver>);

impl App {
    /// Starts from the environment.
    ///
    /// # Errors
    /// A setting, by name.
    pub async fn start() -> Result<Self, StartError> {
        Live::start(Receiver::from_settings).await.map(Self)
    }

    /// Starts from given settings.
    ///
    /// # Errors
    /// A setting, by name.
    pub async fn start_with(settings: Settings) -> Result<Self, StartError> {
        Live::start_with(settings, Receiver::from_settings)
            .await
            .map(Self)
    }

    /// Answers one webhook.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        receive(&self.0, &request, answer, script_for_lost).await
    }
}

async fn answer(receiver: &Receiver, arrival: Arrival<'_>) -> Result<Document, Failure> {
    let urls = receiver.gate.app_url();
    let form = arrival.payload.into_form()?;
    match arrival.hook {
        Some(Hook::Call) => {
            let (call, mut route) =
                ingest::call(&receiver.store, receiver.policy(), &form, arrival.moment).await?;
            let asked = route.forward_to.len();
            // a forwarded call is a call that is paid for
            route.forward_to.retain(|target| {
                target
                    .parse()
                    .is_ok_and(|number| receiver.countries.check(&number).is_ok())
            });
            if route.forward_to.len() < asked {
                tracing::warn!(call.sid = %call.sid, code = "country_not_allowed", "Call not forwarded to every target");
            }
            Ok(script::answer(&route, &call.sid, call.business.as_str(), urls))
        }
        Some(Hook::DialResult) => {
            let (result, outcome) = ingest::dial_result(&receiver.store, &form).await?;
            Ok(if result.was_answered() {
                Document(vec![Verb::Hangup])
            } else {
                voicemail(
                    outcome.greeting.as_deref(),
                    outcome.workspace_name.as_deref(),
                    &result.call_sid,
                    urls,
                )
            })
        }
        Some(Hook::RecordingDone) => {
            ingest::recording_done(&receiver.store, &form).await?;
            Ok(Document(vec![Verb::Hangup]))
        }
        Some(Hook::CallScript(message)) => {
            common::metrics::correlate_only(&message);
            match receiver.store.find_call_script(message).await? {
                Some(found) => Ok(script::outbound(&found)),
                None => Err(Failure::NotFound),
            }
        }
        _ => Err(Failure::NotFound),
    }
}

/// What a caller hears while the database is away: nobody knows whose number it is, but a message can be left. A call of ours has
/// nothing to say then, and is not spooled either: it stores nothing.
fn script_for_lost(urls: &AppUrl, arrival: &Arrival<'_>) -> Option<Document> {
    let Payload::Form(form) = &arrival.payload else {
        return None;
    };
    match arrival.hook? {
        Hook::Call => InboundCall::read(form)
            .ok()
            .map(|call| voicemail(None, None, &call.sid, urls)),
        Hook::DialResult => DialResult::read(form).ok().map(|result| {
            if result.was_answered() {
                Document(vec![Verb::Hangup])
            } else {
                voicemail(None, None, &result.call_sid, urls)
            }
        }),
        Hook::RecordingDone => Some(Document(vec![Verb::Hangup])),
        _ => None,
    }
}
