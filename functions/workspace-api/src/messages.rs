//! Messages and calls: one alone, its files, its story, and another try.

use crate::field::{Field, Kind, Schema};
use crate::problems;
use crate::route::{Answers, Body, Call, Failure, Route, Run};
use crate::shapes::{CHANNELS, MONEY};
use common::domain::Scope;
use common::signalwire;
use common::store::api;
use lambda_http::http::{HeaderValue, header};
use lambda_http::{Body as Bytes, Response};
use sha2::{Digest, Sha256};
use uuid::Uuid;

const STATUSES: &[&str] = &[
    "queued",
    "sending",
    "sent",
    "failed",
    "undelivered",
    "delivered",
    "read",
    "received",
    "unknown",
    "ringing",
    "in-progress",
    "completed",
    "busy",
    "no-answer",
    "canceled",
];

const FAILURE: Schema = Schema {
    name: "MessageFailure",
    doc: "Why a message or call failed.",
    fields: &[
        Field::new("code", Kind::Text(64), "The carrier's code.").nullable(),
        Field::new("words", Kind::Text(1000), "What happened, for a person."),
        Field::new("advice", Kind::Text(1000), "What to do."),
        Field::new("isPermanent", Kind::Bool, "Whether the same would fail again."),
    ],
};

const ATTACHMENT: Schema = Schema {
    name: "Attachment",
    doc: "A picture, or another file.",
    fields: &[
        Field::new(
            "url",
            Kind::Text(4000),
            "Where it is: a path of this API for what a customer sent, otherwise as it was given.",
        )
        .nullable(),
        Field::new("contentType", Kind::Text(200), "What it is, if that is known.").nullable(),
    ],
};

const CALL: Schema = Schema {
    name: "CallDetails",
    doc: "What a call has beside a message.",
    fields: &[
        Field::new("durationSeconds", Kind::Integer(0, i64::MAX), "How long it was.").nullable(),
        Field::new("forwardedLeg", Kind::Text(32), "How forwarding it ended.").nullable(),
        Field::new("transcript", Kind::Text(100_000), "What the recording says.").nullable(),
        Field::new(
            "recordingUrl",
            Kind::Text(200),
            "Where the recording is: a path of this API.",
        )
        .nullable(),
    ],
};

/// A message or call.
pub const MESSAGE: Schema = Schema {
    name: "Message",
    doc: "A message, or a call.",
    fields: &[
        Field::new("id", Kind::Uuid, "Its id."),
        Field::new("conversationId", Kind::Uuid, "Where it belongs."),
        Field::new("channel", Kind::OneOf(CHANNELS), "What it is."),
        Field::new(
            "direction",
            Kind::OneOf(&["inbound", "outbound"]),
            "Seen from the workspace.",
        ),
        Field::new("from", Kind::Text(32), "Who sent it."),
        Field::new("to", Kind::Text(32), "To whom."),
        Field::new("body", Kind::Text(100_000), "What it says."),
        Field::new("status", Kind::OneOf(STATUSES), "How far it came."),
        Field::new("sid", Kind::Text(200), "The carrier's id.").nullable(),
        Field::new(
            "segments",
            Kind::Integer(0, i64::MAX),
            "How many the carrier charges for.",
        )
        .nullable(),
        Field::new(
            "price",
            Kind::Object(&MONEY),
            "What the carrier charged, once it is known.",
        )
        .nullable(),
        Field::new(
            "attachments",
            Kind::List(&Kind::Object(&ATTACHMENT), 100),
            "Pictures and files.",
        ),
        Field::new("failure", Kind::Object(&FAILURE), "Why it failed, if it did.").nullable(),
        Field::new("call", Kind::Object(&CALL), "What a call has.").nullable(),
        Field::new(
            "resendOf",
            Kind::Uuid,
            "The failed message that this one repeats.",
        )
        .nullable(),
        Field::new("createdAt", Kind::Time, "When."),
        Field::new("deliveredAt", Kind::Time, "When it arrived.").nullable(),
    ],
};

const SENT: Schema = Schema {
    name: "SentMessage",
    doc: "A message on its way, as `POST /api/communications` answers it.",
    fields: &[
        Field::new("id", Kind::Uuid, "Its id."),
        Field::new("conversationId", Kind::Uuid, "Where it belongs."),
        Field::new("workspaceId", Kind::Uuid, "Whose it is."),
        Field::new("channel", Kind::OneOf(CHANNELS), "What it is."),
        Field::new(
            "direction",
            Kind::OneOf(&["outbound"]),
            "Seen from the workspace.",
        ),
        Field::new("from", Kind::Phone, "From which number."),
        Field::new("to", Kind::Phone, "To whom."),
        Field::new("body", Kind::Text(100_000), "What it says."),
        Field::new("status", Kind::OneOf(STATUSES), "How far it came."),
        Field::new("sid", Kind::Text(200), "The carrier's id.").nullable(),
        Field::new(
            "segments",
            Kind::Integer(0, i64::MAX),
            "How many the carrier charges for.",
        )
        .nullable(),
        Field::new("createdAt", Kind::Time, "When."),
        Field::new(
            "sendAt",
            Kind::Time,
            "When it goes, if it waits for the end of quiet hours.",
        )
        .optional()
        .nullable(),
    ],
};

const CALLBACK: Schema = Schema {
    name: "Callback",
    doc: "What the carrier reported.",
    fields: &[
        Field::new("status", Kind::Text(64), "In our words."),
        Field::new("errorCode", Kind::Text(64), "The carrier's code.").nullable(),
        Field::new(
            "sequence",
            Kind::Integer(0, i64::MAX),
            "Which report of a call it was.",
        )
        .nullable(),
        Field::new("reportedAt", Kind::Time, "When it happened, as the carrier says.").nullable(),
        Field::new("receivedAt", Kind::Time, "When we heard."),
    ],
};

const ATTEMPT: Schema = Schema {
    name: "Attempt",
    doc: "One try to send it.",
    fields: &[
        Field::new("messageId", Kind::Uuid, "Its message."),
        Field::new("status", Kind::OneOf(STATUSES), "How far it came."),
        Field::new("errorCode", Kind::Text(64), "The carrier's code.").nullable(),
        Field::new("sid", Kind::Text(200), "The carrier's id.").nullable(),
        Field::new("createdAt", Kind::Time, "When."),
    ],
};

const CONSENT_CHANGE: Schema = Schema {
    name: "ConsentChange",
    doc: "What the message changed about consent.",
    fields: &[
        Field::new("optedOut", Kind::Bool, "Whether the customer is opted out since."),
        Field::new("word", Kind::Text(200), "What they wrote."),
        Field::new("at", Kind::Time, "When."),
    ],
};

const TRACE: Schema = Schema {
    name: "Trace",
    doc: "Everything that is known of a message.",
    fields: &[
        Field::new("message", Kind::Object(&MESSAGE), "The message."),
        Field::new("workspaceReason", Kind::Text(1000), "Why it is this workspace's."),
        Field::new(
            "fromReason",
            Kind::Text(1000),
            "Why it went out from that number; null when it came in.",
        )
        .nullable(),
        Field::new(
            "idempotencyKey",
            Kind::Text(255),
            "The key that it was sent with.",
        )
        .nullable(),
        Field::new(
            "callbacks",
            Kind::List(&Kind::Object(&CALLBACK), 10_000),
            "What the carrier reported, in the order of arrival.",
        ),
        Field::new(
            "attempts",
            Kind::List(&Kind::Object(&ATTEMPT), 10_000),
            "Every try, the first one first.",
        ),
        Field::new(
            "consentChanges",
            Kind::List(&Kind::Object(&CONSENT_CHANGE), 100),
            "What it changed about consent.",
        ),
        Field::new(
            "cost",
            Kind::Object(&MONEY),
            "What it cost; null for what has no rate.",
        )
        .nullable(),
        Field::new(
            "costSource",
            Kind::OneOf(&["reported", "estimated", "unknown"]),
            "Whether the carrier has said so, or our rates expect it.",
        ),
        Field::new(
            "segments",
            Kind::Integer(0, i64::MAX),
            "How many the carrier charges for.",
        )
        .nullable(),
        Field::new(
            "lastCheckedAt",
            Kind::Time,
            "When the reconciler last asked the carrier about it.",
        )
        .nullable(),
    ],
};

/// The routes.
pub const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/api/workspaces/{workspaceId}/messages/{messageId}",
        operation: "getMessage",
        summary: "One message or call.",
        scope: Scope::ConversationsRead,
        query: &[],
        body: Body::None,
        needs_key: false,
        answers: Answers::One(200, &MESSAGE),
        refusals: &[],
        run: Run::Statement(&api::GET_MESSAGE),
    },
    Route {
        method: "GET",
        path: "/api/workspaces/{workspaceId}/messages/{messageId}/trace",
        operation: "traceMessage",
        summary: "Why it is here, why from that number, what the carrier reported, every try, what it cost.",
        scope: Scope::ConversationsRead,
        query: &[],
        body: Body::None,
        needs_key: false,
        answers: Answers::One(200, &TRACE),
        refusals: &[],
        run: Run::Statement(&api::TRACE_MESSAGE),
    },
    Route {
        method: "GET",
        path: "/api/workspaces/{workspaceId}/messages/{messageId}/recording",
        operation: "getRecording",
        summary: "The recording of a call, as MP3.",
        scope: Scope::ConversationsRead,
        query: &[],
        body: Body::None,
        needs_key: false,
        answers: Answers::File("audio/mpeg"),
        refusals: &["carrier_refused"],
        run: Run::Custom(|call| Box::pin(recording(call))),
    },
    Route {
        method: "GET",
        path: "/api/workspaces/{workspaceId}/messages/{messageId}/media/{mediaIndex}",
        operation: "getMedia",
        summary: "A picture or another file that a customer sent; the first of a message is 0.",
        scope: Scope::ConversationsRead,
        query: &[],
        body: Body::None,
        needs_key: false,
        answers: Answers::File("*/*"),
        refusals: &["carrier_refused"],
        run: Run::Custom(|call| Box::pin(media(call))),
    },
    Route {
        method: "POST",
        path: "/api/workspaces/{workspaceId}/messages/{messageId}/resend",
        operation: "resendMessage",
        summary: "Sends a failed message again, as a new one from the same number, through all checks of a send; refusals are those of `POST /api/communications`.",
        scope: Scope::MessagesWrite,
        query: &[],
        body: Body::None,
        needs_key: true,
        answers: Answers::One(201, &SENT),
        refusals: &[
            "not_resendable",
            "no_number",
            "idempotency_conflict",
            "idempotency_mismatch",
            "carrier_refused",
        ],
        run: Run::Custom(|call| Box::pin(resend(call))),
    },
];

/// Which file of a message.
enum File {
    Recording,
    Media(usize),
}

async fn recording(call: Call<'_>) -> Result<Response<Bytes>, Failure> {
    let (bytes, _) = fetch(call, &File::Recording).await?;
    Ok(file(bytes, HeaderValue::from_static("audio/mpeg")))
}

async fn media(call: Call<'_>) -> Result<Response<Bytes>, Failure> {
    let index = call.arguments["mediaIndex"].as_u64().unwrap_or(u64::MAX);
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    let (bytes, stated) = fetch(call, &File::Media(index)).await?;
    let mut response = file(bytes, shown_as(stated.as_deref()));
    // a stranger chose these bytes: no browser runs them as a page of ours
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("content-disposition", "attachment"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// The type that the carrier stated, where it is one that is only looked at or listened to.
fn shown_as(stated: Option<&str>) -> HeaderValue {
    let harmless = |kind: &&str| {
        (["image/", "audio/", "video/"]
            .iter()
            .any(|start| kind.starts_with(start))
            && !kind.contains("svg"))
            || ["text/vcard", "text/x-vcard", "text/calendar", "application/pdf"].contains(kind)
    };
    stated
        .map(|stated| {
            stated
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase()
        })
        .filter(|kind| harmless(&kind.as_str()))
        .and_then(|kind| HeaderValue::from_str(&kind).ok())
        .unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

fn file(bytes: Vec<u8>, kind: HeaderValue) -> Response<Bytes> {
    let mut response = Response::new(Bytes::Binary(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, max-age=300"),
    );
    response
}

/// Fetched from the carrier by us: its own address is one that whoever has it can use for ever. Beside the file the type that the
/// carrier stated for it.
async fn fetch(mut call: Call<'_>, which: &File) -> Result<(Vec<u8>, Option<String>), Failure> {
    let known = call.ask(&api::GET_MESSAGE, &call.arguments).await?.private;
    let (url, stated) = match which {
        File::Recording => (&known["recordingUrl"], None),
        File::Media(index) => {
            let item = &known["media"][*index];
            (&item["url"], item["contentType"].as_str())
        }
    };
    let url = url.as_str().ok_or_else(problems::not_found)?;
    let mut fetched = fetch_with(&call.parts.carrier, which, url).await;
    if matches!(fetched, Err(signalwire::Error::Unauthorized { .. }))
        && let Some(renewed) = call.live.renewed(&call.parts).await
    {
        fetched = fetch_with(&renewed.carrier, which, url).await;
        call.parts = renewed;
    }
    match fetched {
        Ok(bytes) => Ok((bytes, stated.map(str::to_owned))),
        Err(signalwire::Error::NotFound) => Err(problems::not_found().into()),
        Err(error) => Err(problems::carrier(&error).into()),
    }
}

async fn fetch_with(
    carrier: &signalwire::Client,
    which: &File,
    url: &str,
) -> Result<Vec<u8>, signalwire::Error> {
    match which {
        File::Recording => carrier.fetch_recording(url).await,
        File::Media(_) => carrier.fetch_media(url).await,
    }
}

/// A new attempt is a send like any other: consent, limits, numbers and the key are judged where all sends are.
async fn resend(call: Call<'_>) -> Result<Response<Bytes>, Failure> {
    let failed: Uuid = call
        .text("messageId")
        .parse()
        .map_err(|_| problems::not_found())?;
    let key = Sha256::digest(call.key.as_deref().unwrap_or(""));
    let key = format!("resend-{failed}-{}", hex::encode(key));
    Ok(call
        .sender
        .resend(&call.caller, call.workspace, failed, key)
        .await)
}
