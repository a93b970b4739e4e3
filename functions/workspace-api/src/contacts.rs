//! Contacts: whom a workspace knows. The conversations of a contact's number follow it.

use crate::field::{Field, Kind, Schema};
use crate::problems::bad_request;
use crate::route::{Answers, Body, Call, Failure, Route, Run};
use common::domain::Scope;
use common::store::api;
use lambda_http::{Body as Bytes, Response};
use serde_json::{Value, json};
use uuid::Uuid;

const CONTACT: Schema = Schema {
    name: "Contact",
    doc: "Somebody whom the workspace knows.",
    fields: &[
        Field::new("id", Kind::Uuid, "Its id."),
        Field::new("firstName", Kind::Text(200), "First name.").nullable(),
        Field::new("lastName", Kind::Text(200), "Last name.").nullable(),
        Field::new("email", Kind::Text(320), "E-mail address.").nullable(),
        Field::new("phone", Kind::Text(64), "As it was typed.").nullable(),
        Field::new("phoneE164", Kind::Text(20), "By which conversations are found.").nullable(),
        Field::new("createdAt", Kind::Time, "Since when."),
        Field::new("updatedAt", Kind::Time, "When it was last changed."),
    ],
};

const FIELDS: &[Field] = &[
    Field::new("firstName", Kind::Text(200), "First name.").optional().nullable(),
    Field::new("lastName", Kind::Text(200), "Last name.").optional().nullable(),
    Field::new("email", Kind::Text(320), "E-mail address.").optional().nullable(),
    Field::new("phone", Kind::Text(64), "In any usual form.").optional().nullable(),
];

/// The routes.
pub const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/api/workspaces/{workspaceId}/contacts",
        operation: "listContacts",
        summary: "Contacts, the newest first.",
        scope: Scope::ConversationsRead,
        query: &[Field::new("q", Kind::Text(200), "In names, addresses and numbers.").optional()],
        body: Body::None,
        needs_key: false,
        answers: Answers::Page(&CONTACT),
        refusals: &[],
        run: Run::Statement(&api::LIST_CONTACTS),
    },
    Route {
        method: "POST",
        path: "/api/workspaces/{workspaceId}/contacts",
        operation: "createContact",
        summary: "A new contact; conversations with its number that belong to nobody follow it.",
        scope: Scope::ConversationsWrite,
        query: &[],
        body: Body::Of(FIELDS),
        needs_key: false,
        answers: Answers::One(201, &CONTACT),
        refusals: &["contact_exists"],
        run: Run::Custom(|call| Box::pin(create(call))),
    },
    Route {
        method: "GET",
        path: "/api/workspaces/{workspaceId}/contacts/{contactId}",
        operation: "getContact",
        summary: "One contact.",
        scope: Scope::ConversationsRead,
        query: &[],
        body: Body::None,
        needs_key: false,
        answers: Answers::One(200, &CONTACT),
        refusals: &[],
        run: Run::Statement(&api::GET_CONTACT),
    },
    Route {
        method: "PATCH",
        path: "/api/workspaces/{workspaceId}/contacts/{contactId}",
        operation: "updateContact",
        summary: "Changes a contact; with another number it is followed by that number's conversations.",
        scope: Scope::ConversationsWrite,
        query: &[],
        body: Body::Of(FIELDS),
        needs_key: false,
        answers: Answers::One(200, &CONTACT),
        refusals: &["contact_exists"],
        run: Run::Statement(&api::SAVE_CONTACT),
    },
];

async fn create(mut call: Call<'_>) -> Result<Response<Bytes>, Failure> {
    let says_something = |name: &&str| call.arguments.get(*name).and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
    if !["firstName", "lastName", "email", "phone"].iter().any(|name| says_something(&name)) {
        return Err(bad_request("body", "a contact needs a name, an e-mail address or a phone number").into());
    }
    call.arguments.insert("newId".to_owned(), json!(Uuid::now_v7()));
    let answered = call.ask(&api::SAVE_CONTACT, &call.arguments).await?;
    Ok(call.answer(answered))
}
