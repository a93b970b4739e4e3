//! Events out, seen from the workspace: its endpoints, the log of what they were told, and a replay.

mod endpoints;
mod shapes;

use crate::field::{Field, Kind};
use crate::route::{Answers, Body, Route, Run};
use common::domain::Scope;
use common::store::api;
use shapes::{EVENT, EVENT_WITH_ATTEMPTS, REPLAY, TYPES};

/// The routes. Endpoints get everything that happens in a workspace, so they take the scope that API keys take.
pub const ROUTES: &[Route] = &[
    endpoints::LIST,
    endpoints::GET,
    endpoints::CREATE,
    endpoints::UPDATE,
    endpoints::DELETE,
    endpoints::ROTATE,
    Route {
        method: "POST",
        path: "/api/workspaces/{workspaceId}/webhook-endpoints/{endpointId}/replay",
        operation: "replayMissedEvents",
        summary: "Delivers to an endpoint, at once, what it wants and did not get since a moment.",
        scope: Scope::KeysWrite,
        query: &[],
        body: Body::Of(&[Field::new(
            "since",
            Kind::Time,
            "From when on; events are kept for thirty days.",
        )]),
        needs_key: false,
        answers: Answers::One(202, &REPLAY),
        refusals: &["endpoint_disabled"],
        run: Run::Statement(&api::REPLAY_EVENTS),
    },
    Route {
        method: "GET",
        path: "/api/workspaces/{workspaceId}/events",
        operation: "listEvents",
        summary: "What happened, the newest first, and where each event was delivered.",
        scope: Scope::ConversationsRead,
        query: &[Field::new("type", Kind::OneOf(TYPES), "Only these.").optional()],
        body: Body::None,
        needs_key: false,
        answers: Answers::Page(&EVENT),
        refusals: &[],
        run: Run::Statement(&api::LIST_EVENTS),
    },
    Route {
        method: "GET",
        path: "/api/workspaces/{workspaceId}/events/{eventId}",
        operation: "getEvent",
        summary: "One event with every attempt to deliver it.",
        scope: Scope::ConversationsRead,
        query: &[],
        body: Body::None,
        needs_key: false,
        answers: Answers::One(200, &EVENT_WITH_ATTEMPTS),
        refusals: &[],
        run: Run::Statement(&api::GET_EVENT),
    },
    Route {
        method: "POST",
        path: "/api/workspaces/{workspaceId}/events/{eventId}/replay",
        operation: "replayEvent",
        summary: "Delivers an event again, at once: to one endpoint, or to all that want it. Its id stays the same.",
        scope: Scope::KeysWrite,
        query: &[],
        body: Body::Of(&[Field::new(
            "endpointId",
            Kind::Uuid,
            "Only there, even if it does not ask for this type.",
        )
        .optional()]),
        needs_key: false,
        answers: Answers::One(202, &REPLAY),
        refusals: &["endpoint_disabled"],
        run: Run::Statement(&api::REPLAY_EVENTS),
    },
];
