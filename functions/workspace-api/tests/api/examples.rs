//! Every route once against the whole local stack. What was asked and answered is `docs/API.md`: ids, times and cursors are made
//! the same in every run, and the rest is compared.

use common::caller::SecretKey;
use devstack::fixture::migrate;
use devstack::http;
use devstack::stack::{Options, Stack};
use serde_json::{Value, json};
use simulator::{CallScript, StockNumber};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use testkit::identity::Claims;
use testkit::postgres::TestDatabase;
use tokio_postgres::Client;
use uuid::Uuid;
use workspace_api::{Answers, ROUTES, Route};

const NUMBER: &str = "+14055551234";
const CUSTOMER: &str = "+14155550155";

/// Ids, cursors and carrier's ids by the order in which they turn up.
#[derive(Default)]
struct Names(BTreeMap<String, String>);

impl Names {
    fn id(&mut self, id: &str) -> String {
        let next = self.0.len() + 1;
        self.0
            .entry(id.to_owned())
            .or_insert_with(|| format!("00000000-0000-4000-8000-{next:012}"))
            .clone()
    }

    fn text(&mut self, text: &str) -> String {
        if text.parse::<jiff::Timestamp>().is_ok() {
            return "2026-11-21T15:04:05.678901Z".to_owned();
        }
        let mut result = String::new();
        let mut rest = text;
        // ids, wherever they stand
        while let Some(at) = (0..rest.len()).find(|at| {
            rest.get(*at..at + 36)
                .is_some_and(|part| part.parse::<Uuid>().is_ok())
        }) {
            result.push_str(&rest[..at]);
            result.push_str(&self.id(&rest[at..at + 36]));
            rest = &rest[at + 36..];
        }
        result.push_str(rest);
        // times within sentences
        result
            .split(' ')
            .map(|word| {
                let plain = word.trim_matches(|c| matches!(c, '(' | ')'));
                if plain.parse::<jiff::Timestamp>().is_ok() {
                    word.replace(plain, "2026-11-21T15:04:05.678901Z")
                } else {
                    word.to_owned()
                }
            })
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn value(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(list) => list.iter().map(|value| self.value(value)).collect(),
            Value::Object(object) => object
                .iter()
                .map(|(name, value)| {
                    let value = match (name.as_str(), value) {
                        ("nextCursor", Value::String(_)) => json!("eyJ…"),
                        ("isOpenNow", _) => json!(true),
                        ("secret", Value::String(_)) => json!("whsec_…"),
                        ("segments", Value::Number(_)) => json!(1),
                        _ => self.value(value),
                    };
                    (name.clone(), value)
                })
                .collect(),
            other => other.clone(),
        }
    }
}

struct Tour {
    stack: Stack,
    token: String,
    workspace: Uuid,
    names: Names,
    text: String,
    shown: Vec<&'static str>,
}

impl Tour {
    /// Asks, checks the answer against what the route promises, and writes both down.
    async fn ask(
        &mut self,
        operation: &'static str,
        path: &[(&str, &str)],
        query: &str,
        body: Value,
    ) -> Value {
        let route: &Route = ROUTES
            .iter()
            .copied()
            .flatten()
            .find(|route| route.operation == operation)
            .expect(operation);
        let mut target = route.path.replace("{workspaceId}", &self.workspace.to_string());
        for (name, value) in path {
            target = target.replace(&format!("{{{name}}}"), value);
        }
        assert!(!target.contains('{'), "{target}");
        let mark = if query.is_empty() { "" } else { "?" };
        let target = format!("{target}{mark}{query}");
        let authorization = format!("Bearer {}", self.token);
        let mut headers = vec![("authorization", authorization.as_str())];
        let text = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        if !text.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        let key = format!("docs-{operation}");
        if route.needs_key {
            headers.push(("idempotency-key", &key));
        }
        let answer = http::request(
            route.method,
            &format!("{}{target}", self.stack.urls().gateway),
            &headers,
            text,
        )
        .await
        .unwrap();
        assert!(
            (200..300).contains(&answer.status),
            "{operation}: {} {}",
            answer.status,
            answer.body
        );
        let json = answer.json();
        self.shown.push(operation);
        let shown_target = self.names.text(&target.replace('?', " ?")).replace(" ?", "?");
        let _ = write!(
            self.text,
            "\n### {}\n\n{} Scope `{}`.\n\n```http\n{} {shown_target}\n",
            operation, route.summary, route.scope, route.method
        );
        if route.needs_key {
            let _ = writeln!(self.text, "Idempotency-Key: {key}");
        }
        if !body.is_null() {
            let _ = write!(self.text, "\n{:#}\n", self.names.value(&body));
        }
        self.text.push_str("```\n\n");
        match route.answers {
            Answers::File(kind) => {
                let sent = answer.header("content-type");
                let sent = sent.unwrap_or_default();
                assert!(kind == "*/*" || sent.starts_with(kind), "{sent}");
                let shown = if kind == "*/*" { sent } else { kind };
                let _ = writeln!(self.text, "{}, `{shown}`: the file.", answer.status);
            }
            _ => {
                route
                    .check_answer(&json)
                    .unwrap_or_else(|why| panic!("{why}: {json:#}"));
                let mut shown = self.names.value(&json);
                // the first of a list says enough
                if let Some(items) = shown.get_mut("items").and_then(Value::as_array_mut) {
                    items.truncate(1);
                }
                let _ = write!(self.text, "{}:\n\n```json\n{shown:#}\n```\n", answer.status);
            }
        }
        json
    }
}

async fn tour() -> Tour {
    let database = TestDatabase::create(migrate).await;
    let stack = Stack::start(Options::on(&database)).await.unwrap();
    let stock = ["+14055550150", "+14055550151", "+14055550152"];
    let stock = stock.map(|number| StockNumber::local(number, "OK"));
    stack.simulator().set_stock(stock.to_vec());
    let sql = stack.inspect().await.unwrap();
    let insert = "insert into workspaces (name, slug, clerk_organization_id, subscription_tier) values ('Acme Plumbing', 'acme', 'org_acme', 'enterprise') returning id";
    let workspace: Uuid = sql.query_one(insert, &[]).await.unwrap().get(0);
    let number = stack.lend_number(workspace, NUMBER).await.unwrap().to_string();
    let primary = "update workspace_phone_numbers set number_type = 'primary', friendly_name = 'Main line' where id = $1::text::uuid";
    sql.execute(primary, &[&number]).await.unwrap();
    let token = stack.token(&Claims::of("user_ada").organization("org_acme", "admin", "acme"));
    let mut tour = Tour {
        stack,
        token,
        workspace,
        names: Names::default(),
        text: String::new(),
        shown: Vec::new(),
    };

    tour.text.push_str("\n## Numbers\n");
    let of_number = [("phoneNumberId", number.as_str())];
    tour.ask("listPhoneNumbers", &[], "limit=10", Value::Null).await;
    tour.ask("getPhoneNumber", &of_number, "", Value::Null).await;
    tour.ask(
        "updatePhoneNumber",
        &of_number,
        "",
        json!({ "friendlyName": "Front desk" }),
    )
    .await;
    let voice = json!({
        "forwardTo": ["+14155550111"], "timeZone": "America/Chicago", "greeting": "You have reached Acme Plumbing.",
        "businessHours": { "mon": [["08:00", "12:00"], ["13:00", "17:00"]], "sat": [["09:00", "12:00"]] },
        "missedCallText": "Sorry we missed you. How can we help?"
    });
    tour.ask("putVoiceSettings", &of_number, "", voice).await;
    tour.ask("getVoiceSettings", &of_number, "", Value::Null).await;
    tour.ask("registerWebhooks", &of_number, "", Value::Null).await;
    let found = tour
        .ask(
            "searchPhoneNumbers",
            &[],
            "",
            json!({ "areaCode": "405", "limit": 2 }),
        )
        .await;
    let wanted = found["items"][0]["phoneNumber"].as_str().unwrap();
    let order = json!({ "phoneNumber": wanted, "numberType": "sales", "friendlyName": "Sales" });
    let order = tour.ask("requestPhoneNumber", &[], "", order).await;
    tour.stack.settle().await;
    let order = order["id"].as_str().unwrap().to_owned();
    let bought = tour
        .ask("getOrder", &[("orderId", &order)], "", Value::Null)
        .await;
    assert_eq!(
        (&bought["state"], bought["phoneNumber"].as_str()),
        (&json!("active"), Some(wanted))
    );
    let sales = bought["phoneNumberId"].as_str().unwrap().to_owned();
    tour.ask("listOrders", &[], "state=active", Value::Null).await;
    let stuck = "insert into provisioning_orders (id, workspace_id, origin, state, reason, number_type, attempts)
                 values (gen_random_uuid(), $1, 'request', 'needs_attention', $2, 'support', 1) returning id::text";
    let reason = "the SignalWire account has no balance: top it up, then retry this order";
    let retried: String = sql.query_one(stuck, &[&workspace, &reason]).await.unwrap().get(0);
    tour.ask("retryOrder", &[("orderId", &retried)], "", Value::Null)
        .await;
    tour.stack.settle().await;
    let canceled: String = sql.query_one(stuck, &[&workspace, &reason]).await.unwrap().get(0);
    tour.ask("cancelOrder", &[("orderId", &canceled)], "", Value::Null)
        .await;
    tour.ask("makePrimary", &[("phoneNumberId", &sales)], "", Value::Null)
        .await;

    // a customer writes to one number, and calls the other
    tour.stack
        .simulator()
        .inbound_mms(CUSTOMER, NUMBER, "Hi, is my boiler ready?", &[("", "image/jpeg")])
        .await;
    let always_open = "update voice_settings set forward_to = '{}', missed_call_text = null";
    sql.batch_execute(always_open).await.unwrap();
    tour.stack
        .simulator()
        .inbound_call(
            CUSTOMER,
            NUMBER,
            CallScript::leaves_voicemail(14, "Please call me back."),
        )
        .await;
    tour.stack.settle().await;
    let of_sms = "select c.id::text, m.id::text from conversations c join conversation_messages m on m.conversation_id = c.id where c.channel = $1";
    let row = sql.query_one(of_sms, &[&"sms"]).await.unwrap();
    let (thread, message): (String, String) = (row.get(0), row.get(1));
    let call: String = sql.query_one(of_sms, &[&"call"]).await.unwrap().get(1);

    tour.text.push_str("\n## Conversations\n");
    let of_thread = [("conversationId", thread.as_str())];
    tour.ask(
        "listConversations",
        &[],
        "channel=sms&unread=true&q=boiler",
        Value::Null,
    )
    .await;
    tour.ask("getConversation", &of_thread, "", Value::Null).await;
    tour.ask(
        "updateConversation",
        &of_thread,
        "",
        json!({ "subject": "Boiler" }),
    )
    .await;
    tour.ask("readConversation", &of_thread, "", Value::Null).await;
    tour.ask("closeConversation", &of_thread, "", Value::Null).await;
    tour.ask("reopenConversation", &of_thread, "", Value::Null).await;
    tour.ask("listMessages", &of_thread, "limit=20", Value::Null)
        .await;
    tour.text.push_str("\n## Customers\n");
    tour.ask("getCustomer", &[("customerPhone", CUSTOMER)], "", Value::Null)
        .await;
    tour.ask(
        "listCustomerMessages",
        &[("customerPhone", CUSTOMER)],
        "limit=20",
        Value::Null,
    )
    .await;

    tour.text.push_str("\n## Messages\n");
    tour.ask("getMessage", &[("messageId", &message)], "", Value::Null)
        .await;
    tour.ask("getRecording", &[("messageId", &call)], "", Value::Null)
        .await;
    let first = [("messageId", message.as_str()), ("mediaIndex", "0")];
    tour.ask("getMedia", &first, "", Value::Null).await;
    let failed = "insert into conversation_messages (workspace_id, conversation_id, direction, body, sender_phone, recipient_phone,
                      external_id, status, error_code, segments)
                  values ($1, $2::text::uuid, 'outbound', 'It is ready.', $3, $4, gen_random_uuid()::text, 'undelivered', '30003', 1) returning id::text";
    let failed: String = sql
        .query_one(failed, &[&workspace, &thread, &NUMBER, &CUSTOMER])
        .await
        .unwrap()
        .get(0);
    let again = tour
        .ask("resendMessage", &[("messageId", &failed)], "", Value::Null)
        .await;
    let again = again["id"].as_str().unwrap().to_owned();
    tour.stack.settle().await;
    tour.ask("traceMessage", &[("messageId", &again)], "", Value::Null)
        .await;

    tour.text.push_str("\n## Contacts\n");
    let contact = json!({ "firstName": "Maria", "lastName": "Lopez", "phone": "(415) 555-0155" });
    let contact = tour.ask("createContact", &[], "", contact).await;
    let contact = contact["id"].as_str().unwrap().to_owned();
    let linked = "select count(*) from conversations where contact_id = $1::text::uuid";
    let linked: i64 = sql.query_one(linked, &[&contact]).await.unwrap().get(0);
    assert_eq!(linked, 2, "existing conversations follow");
    tour.ask("getContact", &[("contactId", &contact)], "", Value::Null)
        .await;
    tour.ask(
        "updateContact",
        &[("contactId", &contact)],
        "",
        json!({ "email": "maria@example.com" }),
    )
    .await;
    tour.ask("listContacts", &[], "q=lopez", Value::Null).await;

    usage(&mut tour, &sql, &thread).await;
    events(&mut tour).await;

    tour.text.push_str("\n## The end of a number\n");
    tour.ask(
        "releasePhoneNumber",
        &[("phoneNumberId", &sales)],
        "",
        json!({ "phoneNumber": wanted }),
    )
    .await;
    platform(&mut tour, &sql).await;
    tour
}

/// Two days in the past, so that no clock changes the figures.
const SPAN: &str = "from=2026-01-05&to=2026-01-06";

async fn usage(tour: &mut Tour, sql: &Client, thread: &str) {
    let then = "insert into conversation_messages (workspace_id, conversation_id, direction, body, sender_phone, recipient_phone,
                    external_id, status, segments, price, created_at)
                values ($1, $2::text::uuid, 'outbound', 'See you on Monday.', $3, $4, gen_random_uuid()::text, 'delivered', 1, 0.00790,
                        '2026-01-05T15:00:00Z')";
    sql.execute(then, &[&tour.workspace, &thread, &NUMBER, &CUSTOMER])
        .await
        .unwrap();
    tour.text.push_str("\n## Usage and money\n");
    tour.ask("getUsage", &[], SPAN, Value::Null).await;
    tour.ask("getUsageSeries", &[], SPAN, Value::Null).await;
    tour.ask("exportUsage", &[], SPAN, Value::Null).await;
}

async fn events(tour: &mut Tour) {
    tour.text.push_str("\n## Events\n");
    let endpoint = json!({ "url": "https://hooks.example/ringspace", "description": "Our CRM", "eventTypes": ["message.received"] });
    let endpoint = tour.ask("createWebhookEndpoint", &[], "", endpoint).await;
    let endpoint = endpoint["id"].as_str().unwrap().to_owned();
    let of_endpoint = [("endpointId", endpoint.as_str())];
    tour.ask("listWebhookEndpoints", &[], "", Value::Null).await;
    tour.ask("getWebhookEndpoint", &of_endpoint, "", Value::Null)
        .await;
    let both = json!({ "eventTypes": ["message.received", "call.completed"] });
    tour.ask("updateWebhookEndpoint", &of_endpoint, "", both).await;
    tour.ask("rotateWebhookSecret", &of_endpoint, "", Value::Null)
        .await;
    let events = tour
        .ask("listEvents", &[], "type=message.received", Value::Null)
        .await;
    let event = events["items"][0]["id"].as_str().unwrap().to_owned();
    let of_event = [("eventId", event.as_str())];
    tour.ask("getEvent", &of_event, "", Value::Null).await;
    tour.ask("replayEvent", &of_event, "", json!({ "endpointId": endpoint }))
        .await;
    let since = json!({ "since": "2026-11-01T00:00:00Z" });
    tour.ask("replayMissedEvents", &of_endpoint, "", since).await;
    tour.ask("deleteWebhookEndpoint", &of_endpoint, "", Value::Null)
        .await;
}

async fn platform(tour: &mut Tour, sql: &Client) {
    tour.text.push_str("\n## The platform\n");
    let key = SecretKey::random().unwrap();
    let insert = "insert into api_keys (id, hash, prefix, name, scopes) values ($1, $2, $3, 'operator', array['platform:read'])";
    let hash = key.hash();
    sql.execute(insert, &[&Uuid::now_v7(), &hash.as_bytes(), &key.prefix()])
        .await
        .unwrap();
    key.expose().clone_into(&mut tour.token);
    tour.ask("getPlatformUsage", &[], SPAN, Value::Null).await;
    tour.ask("listPlatformWorkspaces", &[], SPAN, Value::Null).await;
}

#[tokio::test]
async fn the_document_says_what_happens() {
    let tour = tour().await;
    for route in ROUTES.iter().copied().flatten() {
        assert!(
            tour.shown.contains(&route.operation),
            "{} has no example",
            route.operation
        );
    }
    let document = format!("{HEAD}{}", tour.text);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/API.md");
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(&file, &document).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = committed
        .lines()
        .zip(document.lines())
        .find(|(there, here)| there != here);
    assert!(
        committed == document,
        "docs/API.md is stale: WRITE_DOCS=1 cargo test -p workspace-api --test api the_document; the first difference: {differs:#?}"
    );
    tour.stack.shutdown().await.unwrap();
}

const HEAD: &str = "# The workspace API

Every example here is one that a test asks of the local stack; the answers are real, with ids, times and cursors made the same
(`cargo test -p workspace-api --test api`). All fields and refusals stand in [openapi.json](openapi.json), which is served at
`GET /api/openapi.json`.

- A bearer token of the identity provider, or an API key (`rsk_…`), in `Authorization`. Each route names its scope.
- Listings take `limit` (1 to 100) and `cursor`; `nextCursor` is null on the last page. A cursor is good for the listing and the
  filters that gave it, any other is a 400.
- Times are RFC 3339 in UTC; money is a decimal text with its currency.
- Refusals are problem documents (RFC 9457) with a stable `code`; `bad_request` names the `field`, unknown ones too. What belongs
  to another workspace is 404, like what does not exist.
- What costs money or sends needs an `Idempotency-Key`: a repeat is answered with what was done, `Idempotent-Replayed: true`.
";
