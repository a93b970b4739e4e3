//! The workspace API: one statement a request, all of one shape.

use super::{Error, Store};
use crate::caller::Permit;
use serde_json::{Map, Value};
use tokio_postgres::types::Type;

/// A statement that takes a [`Permit`] and an object, and answers with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiStatement(pub(super) &'static str);

macro_rules! statements {
    ($($name:ident = $file:literal),* $(,)?) => {
        $(
            #[doc = concat!("`", $file, ".sql`")]
            pub const $name: ApiStatement = ApiStatement(include_str!(concat!("sql/", $file, ".sql")));
        )*
        /// All of them.
        pub(super) const ALL: &[&str] = &[$($name.0),*];
    };
}

statements! {
    LIST_PHONE_NUMBERS = "api_list_phone_numbers",
    GET_PHONE_NUMBER = "api_get_phone_number",
    UPDATE_PHONE_NUMBER = "api_update_phone_number",
    MAKE_PRIMARY = "api_make_primary",
    WEBHOOKS_REGISTERED = "api_webhooks_registered",
    GET_VOICE_SETTINGS = "api_get_voice_settings",
    PUT_VOICE_SETTINGS = "api_put_voice_settings",
    BEGIN_NUMBER_SEARCH = "api_begin_number_search",
    HOLD_NUMBERS = "api_hold_numbers",
    REQUEST_NUMBER = "api_request_number",
    LIST_ORDERS = "api_list_orders",
    GET_ORDER = "api_get_order",
    RETRY_ORDER = "api_retry_order",
    CANCEL_ORDER = "api_cancel_order",
    RELEASE_NUMBER = "api_release_number",
    LIST_CONVERSATIONS = "api_list_conversations",
    GET_CONVERSATION = "api_get_conversation",
    UPDATE_CONVERSATION = "api_update_conversation",
    LIST_MESSAGES = "api_list_messages",
    GET_MESSAGE = "api_get_message",
    GET_CUSTOMER = "api_get_customer",
    LIST_CUSTOMER_MESSAGES = "api_list_customer_messages",
    LIST_CONTACTS = "api_list_contacts",
    GET_CONTACT = "api_get_contact",
    SAVE_CONTACT = "api_save_contact",
    TRACE_MESSAGE = "api_trace_message",
    USAGE = "api_usage",
    USAGE_SERIES = "api_usage_series",
    USAGE_CSV = "api_usage_csv",
    PLATFORM_USAGE = "api_platform_usage",
    PLATFORM_WORKSPACES = "api_platform_workspaces",
    LIST_WEBHOOK_ENDPOINTS = "api_list_webhook_endpoints",
    GET_WEBHOOK_ENDPOINT = "api_get_webhook_endpoint",
    CREATE_WEBHOOK_ENDPOINT = "api_create_webhook_endpoint",
    UPDATE_WEBHOOK_ENDPOINT = "api_update_webhook_endpoint",
    DELETE_WEBHOOK_ENDPOINT = "api_delete_webhook_endpoint",
    ROTATE_WEBHOOK_SECRET = "api_rotate_webhook_secret",
    LIST_EVENTS = "api_list_events",
    GET_EVENT = "api_get_event",
    REPLAY_EVENTS = "api_replay_events",
}

/// What a statement of the API answers.
#[derive(Debug, Clone)]
pub enum ApiAnswer {
    /// It was done.
    Done {
        /// The answer, or the items of a page.
        body: Value,
        /// Where the next page begins.
        next: Option<Value>,
        /// What is for us alone.
        private: Value,
    },
    /// It may not be done, or cannot.
    Refused {
        /// A stable name.
        code: String,
        /// Why, for a person.
        detail: Option<String>,
        /// More about it.
        members: Map<String, Value>,
    },
}

impl ApiAnswer {
    fn read(mut value: Value) -> Result<Self, Error> {
        if let Some(code) = value["refused"].as_str() {
            return Ok(Self::Refused {
                code: code.to_owned(),
                detail: value["detail"].as_str().map(str::to_owned),
                members: value["members"].as_object().cloned().unwrap_or_default(),
            });
        }
        match value.get_mut("body").map(Value::take) {
            None => Err(Error::Inconsistent("an answer that is neither done nor refused")),
            Some(body) => Ok(Self::Done {
                body,
                next: value
                    .get_mut("next")
                    .map(Value::take)
                    .filter(|next| !next.is_null()),
                private: value.get_mut("private").map(Value::take).unwrap_or_default(),
            }),
        }
    }
}

impl Store {
    /// Runs a statement of the API.
    ///
    /// # Errors
    /// When it was not run; whatever it does, it does once however often it runs.
    pub async fn api(
        &self,
        statement: &ApiStatement,
        permit: &Permit<'_>,
        arguments: &Value,
    ) -> Result<ApiAnswer, Error> {
        let row = self
            .row(
                statement.0,
                &[
                    (&permit.workspace_id, Type::UUID),
                    (&permit.owner, Type::TEXT),
                    (&permit.key, Type::BYTEA),
                    (&permit.scope, Type::TEXT),
                    (arguments, Type::JSONB),
                ],
            )
            .await?;
        ApiAnswer::read(row.get(0))
    }
}
