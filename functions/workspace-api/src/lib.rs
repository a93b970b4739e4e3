//! Numbers, conversations and what belongs to them, for a workspace's application.
//!
//! Trigger: everything below `/api/workspaces/{workspaceId}/` and `/api/platform/`, with a bearer token or an API key; `GET /api/openapi.json` for
//! anybody. Effect: that of one SQL function of the migrations named `api_…`. Answer: JSON, or a problem document with a stable
//! `code`.
//!
//! A resource is a module with a table of [`Route`]s; [`ROUTES`] lists the tables. A route says what it takes and what it answers
//! ([`Field`], [`Schema`]): the same table checks every request, so that nothing is documented that is not checked, and is
//! written down as OpenAPI. Most routes are one statement; the others are a function that is handed a [`Call`].

mod contacts;
mod conversations;
mod cursor;
mod customers;
mod events;
mod field;
mod handler;
mod messages;
pub mod openapi;
mod phone_numbers;
mod problems;
mod request;
mod route;
mod shapes;
mod usage;

pub use field::{Field, Kind, Schema};
pub use handler::App;
pub use route::{Answers, Body, Call, Custom, Failure, Route, Run};

/// Every route, by resource.
pub const ROUTES: &[&[Route]] = &[
    phone_numbers::ROUTES,
    conversations::ROUTES,
    customers::ROUTES,
    messages::ROUTES,
    contacts::ROUTES,
    usage::ROUTES,
    events::ROUTES,
];
