//! The story of one send: who, what, may it, send, remember.

use crate::answer::{Answer, Sent, carrier_refused, refused};
use crate::request::{Channel, SendRequest};
use common::caller::{Caller, Callers};
use common::config::{ConfigError, Live, Settings, SharedNumbers, StartError};
use common::domain::destination::AllowedCountries;
use common::domain::{Scope, status};
use common::http::{Problem, RawRequest};
use common::metrics::{self, Metric};
use common::signalwire::{self, CallRequest, Client, MessageRequest, WhatsAppRequest};
use common::store::{self, Begin, Finish, NewMessage, Store};
use common::webhook::urls::AppUrl;
use jiff::Timestamp;
use lambda_http::{Body, Request, Response};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// A request with 1,600 characters and eight URLs is far shorter.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// What the function is made of.
struct Parts {
    callers: Callers,
    store: Store,
    carrier: Client,
    shared: SharedNumbers,
    countries: AllowedCountries,
    urls: AppUrl,
}

impl Parts {
    fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        Ok(Self {
            callers: Callers::from_settings(settings)?,
            store: Store::from_settings(settings, Duration::from_secs(8))?.patient(),
            carrier: Client::from_settings(settings)?,
            shared: settings.shared_numbers()?,
            countries: settings.allowed_countries()?,
            urls: settings.app_url()?,
        })
    }
}

/// The function.
pub struct App(Live<Parts>);

/// Why a request ends here.
enum Failure {
    Problem(Problem),
    Store(store::Error),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

/// A request that may be sent, and for whom.
struct Asked {
    request: SendRequest,
    caller: Caller,
    key: Option<String>,
}

impl App {
    /// Starts from the environment.
    ///
    /// # Errors
    /// A setting, by name.
    pub async fn start() -> Result<Self, StartError> {
        Live::start(Parts::from_settings).await.map(Self)
    }

    /// Starts from given settings.
    ///
    /// # Errors
    /// A setting, by name.
    pub async fn start_with(settings: Settings) -> Result<Self, StartError> {
        Live::start_with(settings, Parts::from_settings).await.map(Self)
    }

    /// Answers one request.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        let (failure, kind) = match self.answer(&RawRequest::of(&request)).await {
            Ok(response) => return response,
            Err(Failure::Problem(problem)) => (problem, "Send refused"),
            Err(Failure::Store(error)) => {
                tracing::error!(%error, "Send could not be stored");
                let mut problem = Problem::new(503, "not_stored", "nothing was sent; try again");
                problem.retry_after_seconds = Some(1);
                (problem, "Send failed")
            }
        };
        tracing::warn!(code = failure.code, status = failure.status, "{kind}");
        failure.to_response()
    }

    async fn answer(&self, raw: &RawRequest<'_>) -> Result<Response<Body>, Failure> {
        let mut parts = self.0.get().await;
        let asked = ask(&parts, raw).await?;
        let id = Uuid::now_v7();
        metrics::correlate(&id);
        let begun = match begin(&parts, &asked, id).await {
            Err(store::Error::Credentials(code)) => match self.0.renewed(&parts).await {
                Some(renewed) => {
                    parts = renewed;
                    begin(&parts, &asked, id).await?
                }
                None => return Err(store::Error::Credentials(code).into()),
            },
            begun => begun?,
        };
        let request = &asked.request;
        match begun {
            Begin::Refused { code, detail } => Err(refused(&code, detail).into()),
            Begin::Mismatch => Err(Problem::new(
                422,
                "idempotency_mismatch",
                "this Idempotency-Key was used for another request; use a new key for a new message",
            )
            .into()),
            Begin::Running => {
                let mut problem = Problem::new(
                    409,
                    "idempotency_conflict",
                    "the first request with this Idempotency-Key still runs",
                );
                problem.retry_after_seconds = Some(2);
                Err(problem.into())
            }
            Begin::Replay(stored) => Ok(Answer::from_stored(&stored).to_response(true)),
            Begin::Unsettled {
                message_id,
                from,
                conversation_id,
                created_at,
            } => {
                let sent = Sent {
                    id: message_id,
                    conversation_id,
                    from: &from,
                    created_at,
                    sid: None,
                    status: "unknown",
                    segments: request.segments(),
                };
                Ok(Answer::message(request, &sent).to_response(true))
            }
            Begin::Created {
                from,
                conversation_id,
                created_at,
            } => {
                let mut carried = carry(&parts, request, id, &from).await;
                if matches!(carried, Err(signalwire::Error::Unauthorized { .. }))
                    && let Some(renewed) = self.0.renewed(&parts).await
                {
                    parts = renewed; // refused means not sent: once more with the new token
                    carried = carry(&parts, request, id, &from).await;
                }
                let row = Row {
                    id,
                    conversation_id,
                    from,
                    created_at,
                };
                Ok(self.finish(&parts, &asked, &row, carried).await)
            }
        }
    }

    /// Writes what came of it. The carrier has been asked: a database that is away now changes nothing for the caller, and the
    /// callback, whose URL carries the id, will complete the row.
    async fn finish(
        &self,
        parts: &Arc<Parts>,
        asked: &Asked,
        row: &Row,
        carried: Result<Carried, signalwire::Error>,
    ) -> Response<Body> {
        let request = &asked.request;
        let sent = |sid, status, segments| Sent {
            id: row.id,
            conversation_id: row.conversation_id,
            from: &row.from,
            created_at: row.created_at,
            sid,
            status,
            segments,
        };
        let code_and_words = carried
            .as_ref()
            .err()
            .map(|error| (error.code().map(str::to_owned), error.to_string()));
        let (sid, status, segments, keep_key, answer) = match &carried {
            Ok(carried) => {
                let segments = carried.segments.or_else(|| request.segments());
                let answer = Answer::message(request, &sent(Some(&carried.sid), carried.status, segments));
                (Some(carried.sid.as_str()), carried.status, segments, true, answer)
            }
            Err(signalwire::Error::OutcomeUnknown(_)) => (
                None,
                "unknown",
                None,
                true,
                Answer::message(request, &sent(None, "unknown", request.segments())),
            ),
            Err(error) => {
                // not taken, and waiting helps: the same key may send later
                let keep_key = !matches!(error, signalwire::Error::RateLimited { .. });
                let problem = carrier_refused(error).with("messageId", row.id.to_string());
                (None, "failed", None, keep_key, Answer::problem(&problem))
            }
        };
        metrics::count(match code_and_words {
            None => Metric::MessagesSent,
            Some(_) => Metric::SendsFailed,
        });
        match &code_and_words {
            None => tracing::info!(
                message.id = %row.id, message.sid = sid, workspace.id = %request.workspace_id,
                channel = request.channel.as_str(), "Message accepted by the carrier"
            ),
            Some((code, words)) => tracing::warn!(
                message.id = %row.id, workspace.id = %request.workspace_id, channel = request.channel.as_str(),
                carrier.code = code.as_deref(), error = words, status, "Message not accepted by the carrier"
            ),
        }
        let (error_code, error_message) = match code_and_words {
            Some((code, words)) if status == "failed" => (code, Some(words)),
            _ => (None, None),
        };
        let stored = answer.to_stored();
        let finish = Finish {
            id: row.id,
            workspace_id: request.workspace_id,
            key: asked.key.as_deref(),
            sid,
            status,
            error_code: error_code.as_deref(),
            error_message: error_message.as_deref(),
            segments,
            price: None,
            keep_key,
            answer: &stored,
        };
        let mut written = parts.store.finish_outbound(&finish).await;
        if matches!(written, Err(store::Error::Credentials(_)))
            && let Some(renewed) = self.0.renewed(parts).await
        {
            written = renewed.store.finish_outbound(&finish).await;
        }
        if let Err(error) = written {
            tracing::error!(message.id = %row.id, %error, "Carrier's answer could not be stored; a callback will settle it");
        }
        answer.to_response(false)
    }
}

struct Row {
    id: Uuid,
    conversation_id: Uuid,
    from: String,
    created_at: Timestamp,
}

/// Who asks, and for what: nothing here touches the database or the carrier.
async fn ask(parts: &Parts, raw: &RawRequest<'_>) -> Result<Asked, Failure> {
    if raw.body.len() > BODY_BYTES_MAX {
        return Err(Problem::new(413, "too_large", "the body is longer than 64 kB").into());
    }
    let caller = parts.callers.identify(raw.header("authorization")).await?;
    caller.check(Scope::MessagesWrite)?;
    let key = match raw.headers.get("idempotency-key") {
        None => None,
        Some(value) => {
            let text = value
                .to_str()
                .ok()
                .map(str::trim)
                .filter(|key| (1..=255).contains(&key.len()));
            Some(text.map(str::to_owned).ok_or_else(|| {
                Problem::new(
                    400,
                    "bad_request",
                    "`Idempotency-Key` is 1 to 255 printable characters",
                )
                .with("field", "Idempotency-Key")
            })?)
        }
    };
    let request = SendRequest::read(raw.body, &parts.countries)?;
    if request.channel == Channel::WhatsApp && parts.shared.whatsapp.is_none() {
        let why = "WhatsApp is not enabled here: SIGNALWIRE_WHATSAPP_NUMBER is not set";
        return Err(Problem::new(409, "whatsapp_not_enabled", why).into());
    }
    Ok(Asked { request, caller, key })
}

async fn begin(parts: &Parts, asked: &Asked, id: Uuid) -> Result<Begin, store::Error> {
    let request = &asked.request;
    let message = NewMessage {
        id,
        permit: asked.caller.permit(request.workspace_id, Scope::MessagesWrite),
        key: asked.key.as_deref(),
        hash: &request.hash(),
        channel: request.channel.as_str(),
        to: request.to.as_str(),
        body: &request.body,
        attachments: &request.attachments(),
        segments: request.segments(),
        from: request.from.as_deref(),
        connect: request.connect.as_ref().map(common::domain::PhoneNumber::as_str),
    };
    parts
        .store
        .begin_outbound(&message, &parts.shared, Timestamp::now())
        .await
}

struct Carried {
    sid: String,
    status: &'static str,
    segments: Option<i32>,
}

/// The one request to the carrier.
async fn carry(
    parts: &Parts,
    request: &SendRequest,
    id: Uuid,
    from: &str,
) -> Result<Carried, signalwire::Error> {
    let status_callback = &parts.urls.status_of(id);
    let to = request.to.as_str();
    let body = request.body.as_str();
    let accepted = match request.channel {
        Channel::Sms => {
            let message = MessageRequest {
                from,
                to,
                body,
                media_urls: &request.media_urls,
                status_callback,
            };
            parts.carrier.send_message(&message).await?
        }
        Channel::WhatsApp => {
            let media_url = request.media_urls.first().map(String::as_str);
            parts
                .carrier
                .send_whatsapp(&WhatsAppRequest {
                    from,
                    to,
                    body,
                    media_url,
                    status_callback,
                })
                .await?
        }
        Channel::Call => {
            // A call that joins two people rings the agent first; its script then dials the customer.
            let first = request.connect.as_ref().unwrap_or(&request.to).as_str();
            let call = CallRequest {
                from,
                to: first,
                url: &parts.urls.outbound_call(id),
                status_callback,
            };
            let placed = parts.carrier.place_call(&call).await?;
            return Ok(Carried {
                sid: placed.sid,
                status: status::call(&placed.status).unwrap_or("queued"),
                segments: None,
            });
        }
    };
    let segments = if request.channel == Channel::Sms {
        accepted.segments
    } else {
        None
    };
    Ok(Carried {
        sid: accepted.sid,
        status: status::message(&accepted.status).unwrap_or("queued"),
        segments,
    })
}
