//! One customer over all numbers and channels of a workspace.

use crate::conversations::CONVERSATION;
use crate::field::{Field, Kind, Schema};
use crate::messages::MESSAGE;
use crate::route::{Answers, Body, Route, Run};
use crate::shapes::CONTACT_REF;
use common::domain::Scope;
use common::store::api;

const CUSTOMER: Schema = Schema {
    name: "Customer",
    doc: "A customer over all numbers and channels of the workspace.",
    fields: &[
        Field::new("customerPhone", Kind::Phone, "E.164."),
        Field::new("contact", Kind::Object(&CONTACT_REF), "Who it is, if the workspace knows.").nullable(),
        Field::new("unreadCount", Kind::Integer(0, i64::MAX), "How many messages nobody has read."),
        Field::new(
            "optedOutOf",
            Kind::List(&Kind::Phone, 1000),
            "The numbers that the customer asked for no more messages.",
        ),
        Field::new(
            "conversations",
            Kind::List(&Kind::Object(&CONVERSATION), 100),
            "The newest hundred.",
        ),
    ],
};

/// The routes.
pub const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/api/workspaces/{workspaceId}/customers/{customerPhone}",
        operation: "getCustomer",
        summary: "A customer and all conversations with them, whatever the number.",
        scope: Scope::ConversationsRead,
        query: &[],
        body: Body::None,
        needs_key: false,
        answers: Answers::One(200, &CUSTOMER),
        refusals: &[],
        run: Run::Statement(&api::GET_CUSTOMER),
    },
    Route {
        method: "GET",
        path: "/api/workspaces/{workspaceId}/customers/{customerPhone}/messages",
        operation: "listCustomerMessages",
        summary: "All that was said with a customer, the newest first, whatever the number and the channel.",
        scope: Scope::ConversationsRead,
        query: &[],
        body: Body::None,
        needs_key: false,
        answers: Answers::Page(&MESSAGE),
        refusals: &[],
        run: Run::Statement(&api::LIST_CUSTOMER_MESSAGES),
    },
];
