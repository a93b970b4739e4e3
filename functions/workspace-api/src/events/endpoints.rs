//! Endpoints of a workspace.

use super::shapes::{ENDPOINT, ENDPOINT_WITH_SECRET, ENDPOINTS, TYPES};
use crate::field::{Field, Kind};
use crate::problems::bad_request;
use crate::route::{Answers, Body, Call, Failure, Route, Run};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::caller::random_bytes;
use common::domain::Scope;
use common::domain::target::{Reach, TargetUrl};
use common::http::Problem;
use common::store::api;
use lambda_http::{Body as Bytes, Response};
use serde_json::json;
use uuid::Uuid;

const BASE: &str = "/api/workspaces/{workspaceId}/webhook-endpoints";
const ONE: &str = "/api/workspaces/{workspaceId}/webhook-endpoints/{endpointId}";

const URL: Field = Field::new(
    "url",
    Kind::Text(2000),
    "Where events are posted: https, on the public internet.",
);
const DESCRIPTION: Field = Field::new("description", Kind::Text(500), "For people.");
const EVENT_TYPES: Field = Field::new(
    "eventTypes",
    Kind::List(&Kind::OneOf(TYPES), 20),
    "Which events go there; none: all.",
);

/// All of them.
pub const LIST: Route = Route {
    method: "GET",
    path: BASE,
    operation: "listWebhookEndpoints",
    summary: "Where the workspace's events go.",
    scope: Scope::KeysWrite,
    query: &[],
    body: Body::None,
    needs_key: false,
    answers: Answers::One(200, &ENDPOINTS),
    refusals: &[],
    run: Run::Statement(&api::LIST_WEBHOOK_ENDPOINTS),
};

/// One.
pub const GET: Route = Route {
    method: "GET",
    path: ONE,
    operation: "getWebhookEndpoint",
    summary: "One endpoint, and how it does.",
    scope: Scope::KeysWrite,
    query: &[],
    body: Body::None,
    needs_key: false,
    answers: Answers::One(200, &ENDPOINT),
    refusals: &[],
    run: Run::Statement(&api::GET_WEBHOOK_ENDPOINT),
};

/// A new one, with its secret.
pub const CREATE: Route = Route {
    method: "POST",
    path: BASE,
    operation: "createWebhookEndpoint",
    summary: "A new endpoint. The answer shows its secret, once. With an `Idempotency-Key` a repeat makes no second one.",
    scope: Scope::KeysWrite,
    query: &[],
    body: Body::Of(&[URL, DESCRIPTION.optional().nullable(), EVENT_TYPES.optional()]),
    needs_key: false,
    answers: Answers::One(201, &ENDPOINT_WITH_SECRET),
    refusals: &["endpoint_limit"],
    run: Run::Custom(|call| Box::pin(create(call))),
};

/// What may change of one.
pub const UPDATE: Route = Route {
    method: "PATCH",
    path: ONE,
    operation: "updateWebhookEndpoint",
    summary: "Changes what is named; `isActive` switches it off, or on again after it was given up.",
    scope: Scope::KeysWrite,
    query: &[],
    body: Body::Of(&[
        URL.optional(),
        DESCRIPTION.optional().nullable(),
        EVENT_TYPES.optional(),
        Field::new("isActive", Kind::Bool, "Whether events go there.").optional(),
    ]),
    needs_key: false,
    answers: Answers::One(200, &ENDPOINT),
    refusals: &[],
    run: Run::Custom(|call| Box::pin(update(call))),
};

/// One less.
pub const DELETE: Route = Route {
    method: "DELETE",
    path: ONE,
    operation: "deleteWebhookEndpoint",
    summary: "Nothing more goes there.",
    scope: Scope::KeysWrite,
    query: &[],
    body: Body::None,
    needs_key: false,
    answers: Answers::One(200, &ENDPOINT),
    refusals: &[],
    run: Run::Statement(&api::DELETE_WEBHOOK_ENDPOINT),
};

/// A new secret for one.
pub const ROTATE: Route = Route {
    method: "POST",
    path: "/api/workspaces/{workspaceId}/webhook-endpoints/{endpointId}/rotate-secret",
    operation: "rotateWebhookSecret",
    summary: "A new secret, shown once. For a day the former one signs as well.",
    scope: Scope::KeysWrite,
    query: &[],
    body: Body::None,
    needs_key: false,
    answers: Answers::One(200, &ENDPOINT_WITH_SECRET),
    refusals: &[],
    run: Run::Custom(|call| Box::pin(rotate(call))),
};

/// 256 bits, written as Standard Webhooks has it.
fn secret() -> Result<String, Failure> {
    let random = random_bytes::<32>().map_err(|_| {
        let mut problem = Problem::new(
            503,
            "not_stored",
            "there is no randomness at this moment; try again",
        );
        problem.retry_after_seconds = Some(1);
        problem
    })?;
    Ok(format!("whsec_{}", STANDARD.encode(random)))
}

/// A URL that may be sent to; what its name resolves to is judged again at every delivery.
fn check_url(call: &mut Call<'_>) -> Result<(), Failure> {
    let reach = if call.parts.urls.is_loopback() {
        Reach::Anywhere
    } else {
        Reach::Public
    };
    let url = TargetUrl::parse(call.text("url"), reach)
        .map_err(|why| bad_request("url", &format!("`url` cannot be used: {why}")))?;
    call.arguments.insert("url".to_owned(), json!(url.to_string()));
    Ok(())
}

async fn create(mut call: Call<'_>) -> Result<Response<Bytes>, Failure> {
    check_url(&mut call)?;
    let id = match &call.key {
        Some(key) => Uuid::new_v5(&call.workspace, format!("webhook endpoint {key}").as_bytes()),
        None => Uuid::now_v7(),
    };
    call.arguments.insert("newId".to_owned(), json!(id));
    call.arguments.insert("secret".to_owned(), json!(secret()?));
    let answered = call.ask(&api::CREATE_WEBHOOK_ENDPOINT, &call.arguments).await?;
    Ok(call.answer(answered))
}

async fn update(mut call: Call<'_>) -> Result<Response<Bytes>, Failure> {
    if call.arguments.contains_key("url") {
        check_url(&mut call)?;
    }
    let answered = call.ask(&api::UPDATE_WEBHOOK_ENDPOINT, &call.arguments).await?;
    Ok(call.answer(answered))
}

async fn rotate(mut call: Call<'_>) -> Result<Response<Bytes>, Failure> {
    call.arguments.insert("secret".to_owned(), json!(secret()?));
    let answered = call.ask(&api::ROTATE_WEBHOOK_SECRET, &call.arguments).await?;
    Ok(call.answer(answered))
}
