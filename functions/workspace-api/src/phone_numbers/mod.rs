//! A workspace's numbers and their orders: seen, named, configured, given back.

mod buying;
mod shapes;
mod voice;

use crate::field::{Field, Kind};
use crate::problems;
use crate::route::{Answers, Body, Call, Failure, Route, Run};
use common::domain::Scope;
use common::event::{Event, Kind as EventKind, Workspace};
use common::http::json;
use common::signalwire;
use common::store::api;
use lambda_http::{Body as Bytes, Response};
use serde_json::Map;
use shapes::{NUMBER, ORDER, VOICE_SETTINGS};
use uuid::Uuid;

use crate::shapes::NUMBER_TYPES;

/// The routes.
pub const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/api/workspaces/{workspaceId}/phone-numbers",
        operation: "listPhoneNumbers",
        summary: "The workspace's numbers, the primary one first; released ones only when asked for.",
        scope: Scope::NumbersRead,
        query: &[
            Field::new(
                "status",
                Kind::OneOf(&["active", "suspended", "released"]),
                "Only these.",
            )
            .optional(),
            Field::new("numberType", Kind::OneOf(NUMBER_TYPES), "Only these.").optional(),
        ],
        body: Body::None,
        needs_key: false,
        answers: Answers::Page(&NUMBER),
        refusals: &[],
        run: Run::Statement(&api::LIST_PHONE_NUMBERS),
    },
    Route {
        method: "GET",
        path: "/api/workspaces/{workspaceId}/phone-numbers/{phoneNumberId}",
        operation: "getPhoneNumber",
        summary: "One number.",
        scope: Scope::NumbersRead,
        query: &[],
        body: Body::None,
        needs_key: false,
        answers: Answers::One(200, &NUMBER),
        refusals: &[],
        run: Run::Statement(&api::GET_PHONE_NUMBER),
    },
    Route {
        method: "PATCH",
        path: "/api/workspaces/{workspaceId}/phone-numbers/{phoneNumberId}",
        operation: "updatePhoneNumber",
        summary: "Gives a number another label or department.",
        scope: Scope::NumbersWrite,
        query: &[],
        body: Body::Of(&[
            Field::new("friendlyName", Kind::Text(200), "Its label.")
                .optional()
                .nullable(),
            Field::new(
                "numberType",
                Kind::OneOf(&["sales", "support", "custom"]),
                "What it is for. `primary` has its own request.",
            )
            .optional(),
        ]),
        needs_key: false,
        answers: Answers::One(200, &NUMBER),
        refusals: &["no_number"],
        run: Run::Statement(&api::UPDATE_PHONE_NUMBER),
    },
    Route {
        method: "POST",
        path: "/api/workspaces/{workspaceId}/phone-numbers/{phoneNumberId}/make-primary",
        operation: "makePrimary",
        summary: "Makes a number the one that is used when nothing else is said; what was it before becomes `custom`.",
        scope: Scope::NumbersWrite,
        query: &[],
        body: Body::None,
        needs_key: false,
        answers: Answers::One(200, &NUMBER),
        refusals: &["no_number"],
        run: Run::Statement(&api::MAKE_PRIMARY),
    },
    Route {
        method: "POST",
        path: "/api/workspaces/{workspaceId}/phone-numbers/{phoneNumberId}/register-webhooks",
        operation: "registerWebhooks",
        summary: "Tells the carrier anew where the number's messages and calls go.",
        scope: Scope::NumbersWrite,
        query: &[],
        body: Body::None,
        needs_key: false,
        answers: Answers::One(200, &NUMBER),
        refusals: &["no_number", "carrier_refused"],
        run: Run::Custom(|call| Box::pin(register_webhooks(call))),
    },
    Route {
        method: "POST",
        path: "/api/workspaces/{workspaceId}/phone-numbers/{phoneNumberId}/release",
        operation: "releasePhoneNumber",
        summary: "Gives a number back for good: suspended now, released at `release.releaseAt` at the latest as far as the carrier allows.",
        scope: Scope::NumbersWrite,
        query: &[],
        body: Body::Of(&[
            Field::new("phoneNumber", Kind::Phone, "The number itself, as confirmation."),
            Field::new(
                "force",
                Kind::Bool,
                "Even if it is the last one and conversations on it are active.",
            )
            .optional(),
        ]),
        needs_key: false,
        answers: Answers::One(202, &NUMBER),
        refusals: &["number_in_use", "confirmation_mismatch"],
        run: Run::Custom(|call| Box::pin(release(call))),
    },
    Route {
        method: "GET",
        path: "/api/workspaces/{workspaceId}/phone-numbers/{phoneNumberId}/voice-settings",
        operation: "getVoiceSettings",
        summary: "What happens when somebody calls the number.",
        scope: Scope::NumbersRead,
        query: &[],
        body: Body::None,
        needs_key: false,
        answers: Answers::One(200, &VOICE_SETTINGS),
        refusals: &[],
        run: Run::Statement(&api::GET_VOICE_SETTINGS),
    },
    voice::PUT,
    buying::SEARCH,
    buying::REQUEST,
    Route {
        method: "GET",
        path: "/api/workspaces/{workspaceId}/phone-numbers/orders",
        operation: "listOrders",
        summary: "Orders for numbers, the newest first.",
        scope: Scope::NumbersRead,
        query: &[Field::new("state", Kind::OneOf(shapes::ORDER_STATES), "Only these.").optional()],
        body: Body::None,
        needs_key: false,
        answers: Answers::Page(&ORDER),
        refusals: &[],
        run: Run::Statement(&api::LIST_ORDERS),
    },
    Route {
        method: "GET",
        path: "/api/workspaces/{workspaceId}/phone-numbers/orders/{orderId}",
        operation: "getOrder",
        summary: "One order.",
        scope: Scope::NumbersRead,
        query: &[],
        body: Body::None,
        needs_key: false,
        answers: Answers::One(200, &ORDER),
        refusals: &[],
        run: Run::Statement(&api::GET_ORDER),
    },
    Route {
        method: "POST",
        path: "/api/workspaces/{workspaceId}/phone-numbers/orders/{orderId}/retry",
        operation: "retryOrder",
        summary: "Tries an order again that gave up, or that waits for its next try.",
        scope: Scope::NumbersWrite,
        query: &[],
        body: Body::None,
        needs_key: false,
        answers: Answers::One(202, &ORDER),
        refusals: &["order_not_retryable", "number_limit"],
        run: Run::Custom(|call| Box::pin(retry(call))),
    },
    Route {
        method: "POST",
        path: "/api/workspaces/{workspaceId}/phone-numbers/orders/{orderId}/cancel",
        operation: "cancelOrder",
        summary: "Ends an order that needs attention and has bought nothing: it counts against the limit no more.",
        scope: Scope::NumbersWrite,
        query: &[],
        body: Body::None,
        needs_key: false,
        answers: Answers::One(200, &ORDER),
        refusals: &["order_not_retryable"],
        run: Run::Statement(&api::CANCEL_ORDER),
    },
];

/// An event for the provisioning queue. What it is about is stored already, so a queue that does not take it only costs time: the
/// reconciler finds the work within five minutes.
async fn announce(call: &Call<'_>, event: Event) {
    let body = serde_json::to_string(&event).unwrap_or_default();
    if let Err(error) = call.parts.provisioning.send(&body).await {
        tracing::warn!(workspace.id = %call.workspace, kind = ?event.kind, %error, "Provisioning event not queued; the reconciler will find it");
    }
}

/// An event of this workspace, to be filled in.
fn event(call: &Call<'_>, id: String, kind: EventKind) -> Event {
    Event {
        id,
        kind,
        workspace: Workspace {
            id: call.workspace,
            name: None,
            slug: None,
            clerk_organization_id: None,
            subscription_tier: None,
        },
        occurred_at: None,
        area_code: None,
        number_type: None,
        friendly_name: None,
        phone_number_id: None,
        order_id: None,
        ended_tier: None,
    }
}

async fn release(mut call: Call<'_>) -> Result<Response<Bytes>, Failure> {
    call.arguments.insert("webhooks".to_owned(), call.webhooks());
    let answered = call.ask(&api::RELEASE_NUMBER, &call.arguments).await?;
    if answered.body["status"] == "suspended" {
        let mut event = event(
            &call,
            Uuid::now_v7().to_string(),
            EventKind::PhoneNumberReleaseRequested,
        );
        event.phone_number_id = call.text("phoneNumberId").parse().ok();
        announce(&call, event).await;
    }
    Ok(call.answer(answered))
}

async fn retry(call: Call<'_>) -> Result<Response<Bytes>, Failure> {
    let answered = call.ask(&api::RETRY_ORDER, &call.arguments).await?;
    let mut event = event(&call, Uuid::now_v7().to_string(), EventKind::OrderRetryRequested);
    event.order_id = call.text("orderId").parse().ok();
    announce(&call, event).await;
    Ok(call.answer(answered))
}

async fn register_webhooks(mut call: Call<'_>) -> Result<Response<Bytes>, Failure> {
    call.arguments.insert("webhooks".to_owned(), call.webhooks());
    let known = call.ask(&api::GET_PHONE_NUMBER, &call.arguments).await?;
    let sid = known.private["sid"].as_str().unwrap_or("").to_owned();
    if known.body["status"] == "released" || sid.is_empty() {
        let why = "the number is not rented at the carrier any more";
        return Err(problems::problem("no_number", Some(why), Map::new())
            .unwrap_or_else(problems::not_found)
            .into());
    }
    let mut configured = call.parts.carrier.configure_number(&sid, &call.parts.urls).await;
    if matches!(configured, Err(signalwire::Error::Unauthorized { .. }))
        && let Some(renewed) = call.live.renewed(&call.parts).await
    {
        configured = renewed.carrier.configure_number(&sid, &renewed.urls).await;
        call.parts = renewed;
    }
    configured.map_err(|error| problems::carrier(&error))?;
    let answered = call.ask(&api::WEBHOOKS_REGISTERED, &call.arguments).await?;
    Ok(json(200, &answered.body))
}
