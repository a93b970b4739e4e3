//! The story of one send: who, what, may it, send, remember.

use crate::answer::{Answer, Sent, Why, carrier_refused, refused};
use crate::begin::{Begun, Wish};
use crate::carry::{Carried, Delivery, carry};
use crate::request::{Channel, SendRequest};
use common::caller::{Caller, Callers};
use common::config::{ConfigError, Live, Settings, SharedNumbers, StartError};
use common::domain::destination::AllowedCountries;
use common::domain::{PhoneNumber, Scope};
use common::http::{Problem, RawRequest};
use common::metrics::{self, Metric};
use common::signalwire::{self, Client, Leave};
use common::store::{self, Begin, Finish, Store};
use common::webhook::urls::AppUrl;
use jiff::Timestamp;
use lambda_http::{Body, Request, Response};
use rust_decimal::Decimal;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// A request with 1,600 characters and eight URLs is far shorter.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// What the function is made of.
pub(crate) struct Parts {
    callers: Callers,
    pub(crate) store: Store,
    carrier: Client,
    pub(crate) shared: SharedNumbers,
    pub(crate) countries: AllowedCountries,
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

    /// Whether this channel is to be had here.
    pub(crate) fn check_channel(&self, channel: Channel) -> Result<(), Problem> {
        if channel == Channel::WhatsApp && self.shared.whatsapp.is_none() {
            let why = "WhatsApp is not enabled here: SIGNALWIRE_WHATSAPP_NUMBER is not set";
            return Err(Problem::new(409, "whatsapp_not_enabled", why));
        }
        Ok(())
    }

    /// Keeps an answer with its key, where the carrier was not asked or took nothing: beside the message's status the reason for a
    /// person. Without it a repeat still finds the row.
    pub(crate) async fn remember(
        &self,
        workspace_id: Uuid,
        key: Option<&str>,
        id: Uuid,
        (status, why): (&str, Option<&str>),
        answer: &Answer,
    ) {
        let finish = Finish {
            id,
            workspace_id,
            key,
            sid: None,
            status,
            error_code: None,
            error_message: why,
            segments: None,
            price: None,
            keep_key: true,
            answer: &answer.to_stored(),
        };
        if let Err(error) = self.store.finish_outbound(&finish).await {
            tracing::warn!(message.id = %id, %error, "Answer could not be kept with its key");
        }
    }
}

/// The function.
pub struct App {
    pub(crate) live: Live<Parts>,
}

/// Why a request ends here.
pub(crate) enum Failure {
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

/// The answer, or what is told instead.
pub(crate) fn answered(outcome: Result<Response<Body>, Failure>) -> Response<Body> {
    let (failure, kind) = match outcome {
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

/// How often a message is offered again that has certainly not been sent.
const TRIES_MORE: usize = 2;

/// What is to be sent, under which key.
pub(crate) struct Asked {
    pub(crate) request: SendRequest,
    pub(crate) key: Option<String>,
}

impl App {
    /// Starts from the environment.
    ///
    /// # Errors
    /// A setting, by name.
    pub async fn start() -> Result<Self, StartError> {
        let live = Live::start(Parts::from_settings).await?;
        Ok(Self { live })
    }

    /// Starts from given settings.
    ///
    /// # Errors
    /// A setting, by name.
    pub async fn start_with(settings: Settings) -> Result<Self, StartError> {
        let live = Live::start_with(settings, Parts::from_settings).await?;
        Ok(Self { live })
    }

    /// Answers one request.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        answered(self.answer(&RawRequest::of(&request)).await)
    }

    async fn answer(&self, raw: &RawRequest<'_>) -> Result<Response<Body>, Failure> {
        let parts = self.live.get().await;
        let (caller, asked) = ask(&parts, raw).await?;
        let begun = self.begin(parts, &caller, &Wish::New(&asked)).await?;
        self.carry_on(begun, &asked).await
    }

    /// Does what the first statement decided.
    pub(crate) async fn carry_on(&self, begun: Begun, asked: &Asked) -> Result<Response<Body>, Failure> {
        let Begun {
            mut parts, id, leave, ..
        } = begun;
        let request = &asked.request;
        match begun.decision {
            Begin::Refused {
                code,
                detail,
                retry_after_seconds,
                send_at,
            } => {
                let why = Why {
                    detail,
                    retry_after_seconds,
                    opens_at: send_at,
                };
                let known = request.refusal.as_ref().filter(|known| known.code == code);
                Err(known.cloned().unwrap_or_else(|| refused(&code, why)).into())
            }
            Begin::Held {
                message_id,
                from,
                conversation_id,
                created_at,
                send_at,
            } => {
                let row = Row {
                    id: message_id,
                    conversation_id,
                    from,
                    created_at,
                };
                Ok(self.hold(&parts, asked, &row, send_at, message_id != id).await)
            }
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
                    send_at: None,
                };
                Ok(Answer::message(request, &sent).to_response(true))
            }
            Begin::Created {
                from,
                conversation_id,
                created_at,
                max_price,
            } => {
                let mut delivery = delivery(request, id, &from, max_price, leave);
                let mut carried = carry(&parts.carrier, &parts.urls, &delivery).await;
                let mut is_renewed = false;
                for _ in 0..TRIES_MORE {
                    match &carried {
                        Err(signalwire::Error::TooLate) => {}
                        Err(signalwire::Error::Unauthorized { .. }) if !is_renewed => {
                            match self.live.renewed(&parts).await {
                                Some(renewed) => parts = renewed,
                                None => break,
                            }
                            is_renewed = true;
                        }
                        _ => break,
                    }
                    // not sent: once more, with the new token if there is one, unless somebody said STOP meanwhile
                    delivery.leave = Leave::ask();
                    let may_go = match parts.store.may_still_send(request.workspace_id, id).await {
                        Ok(may_go) => may_go,
                        Err(error) => {
                            tracing::error!(message.id = %id, %error, "Nobody knows whether it may still be sent: it is not");
                            break;
                        }
                    };
                    if !may_go {
                        let answer = Answer::problem(&refused("opted_out", Why::default()));
                        parts
                            .remember(
                                request.workspace_id,
                                asked.key.as_deref(),
                                id,
                                ("failed", None),
                                &answer,
                            )
                            .await;
                        return Ok(answer.to_response(false));
                    }
                    carried = carry(&parts.carrier, &parts.urls, &delivery).await;
                }
                let row = Row {
                    id,
                    conversation_id,
                    from,
                    created_at,
                };
                Ok(self.finish(&parts, asked, &row, carried).await)
            }
        }
    }

    /// Answers for a message that waits for the end of quiet hours. The row is there already: when the answer cannot be kept with
    /// the key, a repeat finds the row.
    async fn hold(
        &self,
        parts: &Arc<Parts>,
        asked: &Asked,
        row: &Row,
        send_at: Timestamp,
        replayed: bool,
    ) -> Response<Body> {
        let request = &asked.request;
        let answer = Answer::message(
            request,
            &Sent {
                id: row.id,
                conversation_id: row.conversation_id,
                from: &row.from,
                created_at: row.created_at,
                sid: None,
                status: "queued",
                segments: request.segments(),
                send_at: Some(send_at),
            },
        );
        tracing::info!(message.id = %row.id, workspace.id = %request.workspace_id, until = %send_at, "Message held: quiet hours");
        if asked.key.is_some() && !replayed {
            parts
                .remember(
                    request.workspace_id,
                    asked.key.as_deref(),
                    row.id,
                    ("queued", None),
                    &answer,
                )
                .await;
        }
        answer.to_response(replayed)
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
            send_at: None,
        };
        let code_and_words = carried
            .as_ref()
            .err()
            .map(|error| (error.code().map(str::to_owned), error.told(), error.to_string()));
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
                let keep_key = !matches!(
                    error,
                    signalwire::Error::RateLimited { .. } | signalwire::Error::TooLate
                );
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
            Some((code, _, error)) => tracing::warn!(
                message.id = %row.id, workspace.id = %request.workspace_id, channel = request.channel.as_str(),
                carrier.code = code.as_deref(), error, status, "Message not accepted by the carrier"
            ),
        }
        let (error_code, error_message) = match (code_and_words, &carried) {
            (Some((code, words, _)), _) if status == "failed" => (code, Some(words)),
            (_, Ok(carried)) => (carried.error_code.clone(), None),
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
            && let Some(renewed) = self.live.renewed(parts).await
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

fn delivery<'a>(
    request: &'a SendRequest,
    id: Uuid,
    from: &'a str,
    max_price: Option<Decimal>,
    leave: Leave,
) -> Delivery<'a> {
    Delivery {
        id,
        channel: request.channel,
        from,
        to: request.to.as_str(),
        body: &request.body,
        media_urls: &request.media_urls,
        connect: request.connect.as_ref().map(PhoneNumber::as_str),
        max_price,
        leave,
    }
}

/// Who asks, and for what: nothing here touches the database or the carrier.
async fn ask(parts: &Parts, raw: &RawRequest<'_>) -> Result<(Caller, Asked), Failure> {
    if raw.method != "POST" {
        return Err(Problem::new(405, "bad_request", "messages and calls are sent with POST").into());
    }
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
    parts.check_channel(request.channel)?;
    Ok((caller, Asked { request, key }))
}
