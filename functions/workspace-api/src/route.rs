//! A route as data, and the call that it answers.

use crate::cursor::Cursors;
use crate::field::{self, Field, Schema};
use crate::handler::Parts;
use crate::problems;
use common::caller::Caller;
use common::config::Live;
use common::domain::Scope;
use common::http::{Problem, json};
use common::store::{self, ApiAnswer, ApiStatement};
use lambda_http::{Body as Bytes, Response};
use serde_json::{Map, Value};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use uuid::Uuid;

/// What a request's body may be.
#[derive(Debug, Clone, Copy)]
pub enum Body {
    /// There is none.
    None,
    /// An object with these fields.
    Of(&'static [Field]),
}

/// What a good answer is.
#[derive(Debug, Clone, Copy)]
pub enum Answers {
    /// One of these.
    One(u16, &'static Schema),
    /// A page of these: `{"items": […], "nextCursor": …}`, with `?cursor=&limit=`.
    Page(&'static Schema),
    /// Something that is not JSON, of this media type.
    File(&'static str),
}

/// What answers it.
#[derive(Clone, Copy)]
pub enum Run {
    /// One statement, with everything that was read as its argument.
    Statement(&'static ApiStatement),
    /// More than that.
    Custom(Custom),
}

/// A function that answers a call: `|call| Box::pin(search(call))`.
pub type Custom =
    for<'a> fn(Call<'a>) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, Failure>> + Send + 'a>>;

/// One method on one path.
pub struct Route {
    /// `GET`
    pub method: &'static str,
    /// `/api/workspaces/{workspaceId}/…`; the names in braces are arguments: UUIDs, but for `…Phone` and `…Index`.
    pub path: &'static str,
    /// Its name in clients.
    pub operation: &'static str,
    /// One line.
    pub summary: &'static str,
    /// What it takes.
    pub scope: Scope,
    /// Its query parameters, but for `cursor` and `limit`.
    pub query: &'static [Field],
    /// Its body.
    pub body: Body,
    /// Whether `Idempotency-Key` has to be there.
    pub needs_key: bool,
    /// Its good answer.
    pub answers: Answers,
    /// The codes of its own refusals, beside those of every route.
    pub refusals: &'static [&'static str],
    /// What answers it.
    pub run: Run,
}

impl Route {
    /// Whether it is about the whole platform, and not one workspace.
    pub fn is_of_platform(&self) -> bool {
        !self.path.contains("{workspaceId}")
    }

    /// Whether an answer holds just what the route promises; a file always does.
    ///
    /// # Errors
    /// What differs.
    pub fn check_answer(&self, body: &Value) -> Result<(), String> {
        let of = |schema: &Schema, value: &Value, at: &str| {
            field::read(schema.fields, value, at)
                .map(|_| ())
                .map_err(|fault| format!("{}: {fault}", self.operation))
        };
        match self.answers {
            Answers::File(_) => Ok(()),
            Answers::One(_, schema) => of(schema, body, ""),
            Answers::Page(schema) => {
                let items = body["items"].as_array().ok_or("a page without items")?;
                if body.as_object().is_none_or(|page| page.len() != 2) || body.get("nextCursor").is_none() {
                    return Err("a page has items and nextCursor".to_owned());
                }
                items
                    .iter()
                    .enumerate()
                    .try_for_each(|(index, item)| of(schema, item, &format!("items[{index}]")))
            }
        }
    }
}

/// Why a call ends without its answer.
#[derive(Debug)]
pub enum Failure {
    /// The caller is told why.
    Problem(Problem),
    /// The database.
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

/// A request that has been read.
pub struct Call<'a> {
    /// What the function is made of.
    pub(crate) live: &'a Live<Parts>,
    /// Who sends.
    pub(crate) sender: &'a outbound_send::App,
    /// The same, as it was at the request's begin.
    pub(crate) parts: Arc<Parts>,
    /// The route.
    pub(crate) route: &'static Route,
    /// Who calls.
    pub(crate) caller: Caller,
    /// For whom; nil where the whole platform is asked about.
    pub(crate) workspace: Uuid,
    /// Path, query and body, checked; of a listing also `limit` and `after`.
    pub(crate) arguments: Map<String, Value>,
    /// What a cursor of this listing is bound to.
    pub(crate) listing: String,
    /// `Idempotency-Key`
    pub(crate) key: Option<String>,
}

impl Call<'_> {
    /// An argument's text; empty when it is none.
    pub fn text(&self, name: &str) -> &str {
        self.arguments.get(name).and_then(Value::as_str).unwrap_or("")
    }

    /// Where a number's webhooks should go, for statements that compare.
    pub(crate) fn webhooks(&self) -> Value {
        let urls = &self.parts.urls;
        serde_json::json!({ "voice": urls.voice(), "sms": urls.sms(), "status": urls.status() })
    }

    /// Runs a statement of the API with these arguments; a credential that was changed is read again.
    ///
    /// # Errors
    /// A refusal of the statement, or the database.
    pub async fn ask(
        &self,
        statement: &ApiStatement,
        arguments: &Map<String, Value>,
    ) -> Result<Answered, Failure> {
        let arguments = Value::Object(arguments.clone());
        let workspace = (!self.route.is_of_platform()).then_some(self.workspace);
        let permit = self.caller.permit(workspace, self.route.scope);
        let answered = match self.parts.store.api(statement, &permit, &arguments).await {
            Err(store::Error::Credentials(code)) => match self.live.renewed(&self.parts).await {
                Some(renewed) => renewed.store.api(statement, &permit, &arguments).await?,
                None => return Err(store::Error::Credentials(code).into()),
            },
            answered => answered?,
        };
        match answered {
            ApiAnswer::Done { body, next, private } => Ok(Answered { body, next, private }),
            ApiAnswer::Refused {
                code,
                detail,
                members,
            } => Err(problems::problem(&code, detail.as_deref(), members).map_or_else(
                || Failure::Store(store::Error::Inconsistent("a refusal that has no status")),
                Failure::Problem,
            )),
        }
    }

    /// The answer in its route's form.
    pub fn answer(&self, answered: Answered) -> Response<Bytes> {
        match self.route.answers {
            Answers::One(status, _) => json(status, &answered.body),
            Answers::File(_) => json(200, &answered.body),
            Answers::Page(_) => json(200, &self.page(&self.parts.cursors, answered)),
        }
    }

    fn page(&self, cursors: &Cursors, answered: Answered) -> Value {
        let next = answered.next.map(|next| cursors.seal(&self.listing, &next));
        let mut body = Map::new();
        body.insert("items".to_owned(), answered.body);
        body.insert("nextCursor".to_owned(), next.into());
        Value::Object(body)
    }
}

/// What a statement gave.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The answer's body; of a listing its items.
    pub body: Value,
    /// Where the next page begins.
    pub next: Option<Value>,
    /// What is for us alone.
    pub private: Value,
}
