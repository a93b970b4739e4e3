//! Conversations: one of our numbers with one customer on one channel.

use crate::field::{Field, Kind, Schema};
use crate::messages::MESSAGE;
use crate::route::{Answers, Body, Call, Failure, Route, Run};
use crate::shapes::{CHANNELS, CONTACT_REF, CONVERSATION_STATUSES, NUMBER_REF, NUMBER_TYPES};
use common::domain::Scope;
use common::store::api;
use lambda_http::{Body as Bytes, Response};
use serde_json::Value;

macro_rules! conversation_fields {
    ($($more:expr),* $(,)?) => {
        &[
            Field::new("id", Kind::Uuid, "Its id."),
            Field::new("channel", Kind::OneOf(CHANNELS), "How they talk."),
            Field::new("status", Kind::OneOf(CONVERSATION_STATUSES), "A closed or archived one reopens when the customer writes."),
            Field::new("subject", Kind::Text(500), "What it is about.").nullable(),
            Field::new("snippet", Kind::Text(500), "How the newest message begins.").nullable(),
            Field::new("isUnread", Kind::Bool, "Whether something came that nobody has read."),
            Field::new("unreadCount", Kind::Integer(0, i64::MAX), "How many such messages."),
            Field::new("messageCount", Kind::Integer(0, i64::MAX), "How many messages in all."),
            Field::new("customerPhone", Kind::Text(32), "The customer's number; as the carrier gave it, where it is none."),
            Field::new("businessPhone", Kind::Phone, "The number that they talk with."),
            Field::new("phoneNumber", Kind::Object(&NUMBER_REF), "The same as one of the workspace's numbers; null on the shared one.").nullable(),
            Field::new("contact", Kind::Object(&CONTACT_REF), "Who the customer is, if the workspace knows.").nullable(),
            Field::new("lastMessageAt", Kind::Time, "When the newest message came or went.").nullable(),
            Field::new("createdAt", Kind::Time, "Since when."),
            $($more),*
        ]
    };
}

/// One of a list.
pub const CONVERSATION: Schema = Schema {
    name: "Conversation",
    doc: "One of the workspace's numbers with one customer on one channel.",
    fields: conversation_fields![],
};

const CHOICE: Schema = Schema {
    name: "ReplyFromChoice",
    doc: "A number from which the customer can be answered.",
    fields: &[
        Field::new("id", Kind::Uuid, "Its id: `from` of a send."),
        Field::new("phoneNumber", Kind::Phone, "E.164."),
        Field::new("friendlyName", Kind::Text(200), "Its label.").nullable(),
        Field::new(
            "numberType",
            Kind::OneOf(NUMBER_TYPES),
            "What it is for: the department.",
        ),
        Field::new("isUsable", Kind::Bool, "Whether it can send on this channel now."),
        Field::new(
            "lastTalkedAt",
            Kind::Time,
            "When the customer last talked with it.",
        )
        .nullable(),
    ],
};

const REPLY_FROM: Schema = Schema {
    name: "ReplyFrom",
    doc: "From which number an answer goes.",
    fields: &[
        Field::new(
            "default",
            Kind::Phone,
            "The one that is used when a send names none: whom the customer last talked with, else the primary. Null where that one is suspended: name another.",
        )
        .nullable(),
        Field::new("choices", Kind::List(&Kind::Object(&CHOICE), 1000), "All that may be named."),
    ],
};

/// One alone.
const DETAIL: Schema = Schema {
    name: "ConversationDetail",
    doc: "A conversation, with what an answer needs.",
    fields: conversation_fields![
        Field::new(
            "replyFrom",
            Kind::Object(&REPLY_FROM),
            "From which number an answer goes."
        ),
        Field::new(
            "isOptedOut",
            Kind::Bool,
            "Whether the customer asked this number for no more messages."
        ),
    ],
};

/// The routes.
pub const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/api/workspaces/{workspaceId}/conversations",
        operation: "listConversations",
        summary: "Conversations, the newest first, searched and filtered.",
        scope: Scope::ConversationsRead,
        query: &[
            Field::new(
                "q",
                Kind::Text(200),
                "In names, addresses, numbers, subjects and messages.",
            )
            .optional(),
            Field::new("channel", Kind::OneOf(CHANNELS), "Only these.").optional(),
            Field::new("status", Kind::OneOf(CONVERSATION_STATUSES), "Only these.").optional(),
            Field::new("unread", Kind::Bool, "Only unread, or only read ones.").optional(),
            Field::new("phoneNumberId", Kind::Uuid, "Only those of this number.").optional(),
            Field::new(
                "numberType",
                Kind::OneOf(NUMBER_TYPES),
                "Only those of this department.",
            )
            .optional(),
            Field::new("contactId", Kind::Uuid, "Only those with this contact.").optional(),
        ],
        body: Body::None,
        needs_key: false,
        answers: Answers::Page(&CONVERSATION),
        refusals: &[],
        run: Run::Statement(&api::LIST_CONVERSATIONS),
    },
    Route {
        method: "GET",
        path: "/api/workspaces/{workspaceId}/conversations/{conversationId}",
        operation: "getConversation",
        summary: "One conversation, and from which numbers it can be answered.",
        scope: Scope::ConversationsRead,
        query: &[],
        body: Body::None,
        needs_key: false,
        answers: Answers::One(200, &DETAIL),
        refusals: &[],
        run: Run::Statement(&api::GET_CONVERSATION),
    },
    Route {
        method: "PATCH",
        path: "/api/workspaces/{workspaceId}/conversations/{conversationId}",
        operation: "updateConversation",
        summary: "Names a conversation, links it with a contact, or moves it to another status.",
        scope: Scope::ConversationsWrite,
        query: &[],
        body: Body::Of(&[
            Field::new("status", Kind::OneOf(CONVERSATION_STATUSES), "Where it belongs.").optional(),
            Field::new("isUnread", Kind::Bool, "Whether somebody has to look.").optional(),
            Field::new("subject", Kind::Text(500), "What it is about.")
                .optional()
                .nullable(),
            Field::new("contactId", Kind::Uuid, "Who the customer is.")
                .optional()
                .nullable(),
        ]),
        needs_key: false,
        answers: Answers::One(200, &DETAIL),
        refusals: &[],
        run: Run::Statement(&api::UPDATE_CONVERSATION),
    },
    Route {
        method: "POST",
        path: "/api/workspaces/{workspaceId}/conversations/{conversationId}/read",
        operation: "readConversation",
        summary: "Somebody has read it.",
        scope: Scope::ConversationsWrite,
        query: &[],
        body: Body::None,
        needs_key: false,
        answers: Answers::One(200, &DETAIL),
        refusals: &[],
        run: Run::Custom(|call| Box::pin(set(call, "isUnread", Value::Bool(false)))),
    },
    Route {
        method: "POST",
        path: "/api/workspaces/{workspaceId}/conversations/{conversationId}/close",
        operation: "closeConversation",
        summary: "It is done; it reopens when the customer writes.",
        scope: Scope::ConversationsWrite,
        query: &[],
        body: Body::None,
        needs_key: false,
        answers: Answers::One(200, &DETAIL),
        refusals: &[],
        run: Run::Custom(|call| Box::pin(set(call, "status", Value::from("closed")))),
    },
    Route {
        method: "POST",
        path: "/api/workspaces/{workspaceId}/conversations/{conversationId}/reopen",
        operation: "reopenConversation",
        summary: "It goes on.",
        scope: Scope::ConversationsWrite,
        query: &[],
        body: Body::None,
        needs_key: false,
        answers: Answers::One(200, &DETAIL),
        refusals: &[],
        run: Run::Custom(|call| Box::pin(set(call, "status", Value::from("active")))),
    },
    Route {
        method: "GET",
        path: "/api/workspaces/{workspaceId}/conversations/{conversationId}/messages",
        operation: "listMessages",
        summary: "What was said, the newest first.",
        scope: Scope::ConversationsRead,
        query: &[],
        body: Body::None,
        needs_key: false,
        answers: Answers::Page(&MESSAGE),
        refusals: &[],
        run: Run::Statement(&api::LIST_MESSAGES),
    },
];

async fn set(mut call: Call<'_>, name: &'static str, value: Value) -> Result<Response<Bytes>, Failure> {
    call.arguments.insert(name.to_owned(), value);
    let answered = call.ask(&api::UPDATE_CONVERSATION, &call.arguments).await?;
    Ok(call.answer(answered))
}
