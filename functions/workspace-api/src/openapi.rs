//! The OpenAPI 3.1 document, written from the routes.

use crate::ROUTES;
use crate::field::{Field, Kind, Schema};
use crate::problems::CODES;
use crate::request::{PAGING, path_kind};
use crate::route::{Answers, Body, Route};
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

/// Refusals that every route may give.
const EVERYWHERE: [&str; 7] = [
    "bad_request",
    "unauthorized",
    "forbidden",
    "unknown_workspace",
    "not_stored",
    "auth_unavailable",
    "not_found",
];

/// The document as it is committed and served.
pub fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| format!("{:#}\n", document()))
}

fn document() -> Value {
    let mut schemas = Map::new();
    let mut paths = Map::new();
    for route in ROUTES.iter().copied().flatten() {
        let operation = operation(route, &mut schemas);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_ascii_lowercase()] = operation;
    }
    schemas.insert("Problem".to_owned(), problem());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Ringspace workspace API",
            "version": "1",
            "description": "Phone numbers, conversations and what belongs to them, for one workspace. Times are RFC 3339 in UTC, \
                            amounts of money decimal texts with their currency. Listings give `nextCursor`, null on the last page; \
                            a cursor is good for the listing and the filters that gave it. What belongs to another workspace is 404, \
                            like what does not exist. Refusals are problem documents (RFC 9457) with a stable `code`."
        },
        "security": [{ "bearer": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "bearer": {
                "type": "http", "scheme": "bearer",
                "description": "A token of the identity provider, or an API key (`rsk_…`)."
            } },
            "schemas": schemas
        }
    })
}

fn operation(route: &Route, schemas: &mut Map<String, Value>) -> Value {
    let mut parameters: Vec<Value> = route
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            json!({ "name": name, "in": "path", "required": true, "schema": of(&path_kind(name), schemas) })
        })
        .collect();
    let paging: &[Field] = if matches!(route.answers, Answers::Page(_)) {
        PAGING
    } else {
        &[]
    };
    for field in route.query.iter().chain(paging) {
        parameters.push(json!({
            "name": field.name, "in": "query", "required": field.required, "description": field.doc,
            "schema": of(&field.kind, schemas)
        }));
    }
    if route.needs_key {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": true,
            "description": "The same key has one effect, however often the request is repeated.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255 }
        }));
    }
    let mut responses = Map::new();
    let (status, good) = match route.answers {
        Answers::One(status, schema) => (
            status,
            json!({ "description": schema.doc, "content": { "application/json": { "schema": reference(schema, schemas) } } }),
        ),
        Answers::Page(schema) => {
            let page = json!({
                "type": "object",
                "required": ["items", "nextCursor"],
                "properties": {
                    "items": { "type": "array", "items": reference(schema, schemas) },
                    "nextCursor": { "type": ["string", "null"] }
                }
            });
            (
                200,
                json!({ "description": "A page.", "content": { "application/json": { "schema": page } } }),
            )
        }
        Answers::File(kind) => (
            200,
            json!({ "description": "The file.", "content": { kind: {} } }),
        ),
    };
    responses.insert(status.to_string(), good);
    for (code, status, words) in CODES {
        if !EVERYWHERE.contains(code) && !route.refusals.contains(code) {
            continue;
        }
        let response = responses.entry(status.to_string()).or_insert_with(|| {
            json!({
                "description": "",
                "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } }
            })
        });
        let before = response["description"].as_str().unwrap_or_default();
        let gap = if before.is_empty() { "" } else { "; " };
        response["description"] = json!(format!("{before}{gap}`{code}`: {words}"));
    }
    let mut operation = json!({
        "operationId": route.operation,
        "summary": route.summary,
        "description": format!("Scope: `{}`.", route.scope),
        "tags": [if route.is_of_platform() { "platform" } else { route.path.split('/').nth(4).unwrap_or_default() }],
        "parameters": parameters,
        "responses": responses,
    });
    if let Body::Of(fields) = route.body {
        operation["requestBody"] = json!({
            "required": fields.iter().any(|field| field.required),
            "content": { "application/json": { "schema": object(fields, schemas) } }
        });
    }
    operation
}

fn object(fields: &[Field], schemas: &mut Map<String, Value>) -> Value {
    let mut properties = Map::new();
    for field in fields {
        let mut schema = of(&field.kind, schemas);
        if field.nullable {
            schema = match schema.get("type").and_then(Value::as_str).map(str::to_owned) {
                Some(kind) if schema.get("enum").is_none() => {
                    schema["type"] = json!([kind, "null"]);
                    schema
                }
                _ => json!({ "anyOf": [schema, { "type": "null" }] }),
            };
        }
        schema["description"] = json!(field.doc);
        properties.insert(field.name.to_owned(), schema);
    }
    let required: Vec<&str> = fields
        .iter()
        .filter(|field| field.required)
        .map(|field| field.name)
        .collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn reference(schema: &'static Schema, schemas: &mut Map<String, Value>) -> Value {
    if !schemas.contains_key(schema.name) {
        schemas.insert(schema.name.to_owned(), Value::Null); // so that one that holds itself ends
        let mut written = object(schema.fields, schemas);
        written["description"] = json!(schema.doc);
        schemas.insert(schema.name.to_owned(), written);
    }
    json!({ "$ref": format!("#/components/schemas/{}", schema.name) })
}

fn of(kind: &Kind, schemas: &mut Map<String, Value>) -> Value {
    match kind {
        Kind::Text(most) => json!({ "type": "string", "maxLength": most }),
        Kind::OneOf(words) => json!({ "type": "string", "enum": words }),
        Kind::Uuid => json!({ "type": "string", "format": "uuid" }),
        Kind::Phone => json!({ "type": "string", "examples": ["+14155551234"] }),
        Kind::AreaCode => json!({ "type": "string", "pattern": "^[2-9][0-9]{2}$" }),
        Kind::Time => json!({ "type": "string", "format": "date-time" }),
        Kind::Date => json!({ "type": "string", "format": "date" }),
        Kind::Decimal => json!({ "type": "string", "pattern": "^-?[0-9]+([.][0-9]+)?$" }),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Integer(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::List(of_kind, most) => {
            let items = of(of_kind, schemas);
            json!({ "type": "array", "items": items, "maxItems": most })
        }
        Kind::Object(schema) => reference(schema, schemas),
        Kind::Anything => json!({ "type": "object", "additionalProperties": true }),
        Kind::MapOf(of_kind) => {
            let values = of(of_kind, schemas);
            json!({ "type": "object", "additionalProperties": values })
        }
    }
}

fn problem() -> Value {
    let codes: Vec<&str> = CODES.iter().map(|(code, ..)| *code).collect();
    json!({
        "type": "object",
        "description": "A refusal (RFC 9457).",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "code": { "type": "string", "examples": codes },
            "detail": { "type": "string", "description": "What is wrong and what to do, for a person." },
            "field": { "type": "string", "description": "Where a `bad_request` is wrong." }
        }
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_document_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == super::text(),
            "docs/openapi.json is stale: cargo run -p workspace-api --example openapi"
        );
    }
}
