//! From a request to a route and its arguments: nothing here touches the database.

use crate::ROUTES;
use crate::cursor::Cursors;
use crate::field::{self, Field, Kind};
use crate::problems::{bad_request, not_found};
use crate::route::{Answers, Body, Route};
use common::http::{Problem, RawRequest};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// No request of this API is longer.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// How many items a page has when nobody says.
const LIMIT_DEFAULT: i64 = 50;

/// The parameters that every listing has.
pub const PAGING: &[Field] = &[
    Field::new(
        "cursor",
        Kind::Text(2000),
        "Where the page begins: `nextCursor` of the page before.",
    )
    .optional(),
    Field::new(
        "limit",
        Kind::Integer(1, 100),
        "How many items at most; 50 when left out.",
    )
    .optional(),
];

/// A route that fits a path, and what its braces stand for.
pub struct Matched {
    /// The route.
    pub route: &'static Route,
    /// By name, decoded.
    pub path: Vec<(&'static str, String)>,
}

/// What a request asks for.
pub struct Asked {
    /// For whom; nil where the whole platform is asked about.
    pub workspace: Uuid,
    /// Path, query and body, and of a listing `limit` and `after`.
    pub arguments: Map<String, Value>,
    /// What a cursor is bound to.
    pub listing: String,
    /// `Idempotency-Key`
    pub key: Option<String>,
}

/// Finds the route.
///
/// # Errors
/// 404 or 405.
pub fn find(method: &str, path: &str) -> Result<Matched, Problem> {
    let mut allowed = Vec::new();
    let mut best: Option<Matched> = None;
    for route in ROUTES.iter().copied().flatten() {
        let Some(values) = fits(route.path, path) else {
            continue;
        };
        if route.method != method {
            allowed.push(route.method);
        } else if best.as_ref().is_none_or(|best| values.len() < best.path.len()) {
            best = Some(Matched { route, path: values }); // literal segments come before braces
        }
    }
    if let Some(best) = best {
        return Ok(best);
    }
    if allowed.is_empty() {
        return Err(Problem::new(404, "not_found", "there is no such route"));
    }
    allowed.sort_unstable();
    allowed.dedup();
    let why = format!("this route takes {}", allowed.join(", "));
    Err(Problem::new(405, "method_not_allowed", why).with("allow", allowed))
}

/// What stands for a name in braces.
pub fn path_kind(name: &str) -> Kind {
    if name.ends_with("Phone") {
        Kind::Phone
    } else if name.ends_with("Index") {
        Kind::Integer(0, 99)
    } else {
        Kind::Uuid
    }
}

fn fits(pattern: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let mut parts = path.split('/');
    let mut values = Vec::new();
    for wanted in pattern.split('/') {
        let part = parts.next()?;
        match wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) if !part.is_empty() => {
                values.push((name, percent_decode_str(part).decode_utf8_lossy().into_owned()));
            }
            Some(_) => return None,
            None if wanted == part => {}
            None => return None,
        }
    }
    parts.next().is_none().then_some(values)
}

/// Reads everything that the route takes.
///
/// # Errors
/// `bad_request`, `not_found`, `unknown_workspace`, `too_large`.
pub fn read(raw: &RawRequest<'_>, matched: &Matched, cursors: &Cursors) -> Result<Asked, Problem> {
    let route = matched.route;
    let mut arguments = Map::new();
    let mut workspace = None;
    for (name, value) in &matched.path {
        if *name == "workspaceId" {
            workspace = value.parse::<Uuid>().ok();
            continue;
        }
        // an id that is none is as unknown as one of another workspace
        let kind = path_kind(name);
        let value = field::check(&kind, &field::from_text(&kind, value), name).map_err(|_| not_found())?;
        arguments.insert((*name).to_owned(), value);
    }
    if route.is_of_platform() {
        workspace = Some(Uuid::nil());
    }
    let Some(workspace) = workspace else {
        return Err(common::caller::denied("unknown_workspace").unwrap_or_else(not_found));
    };
    let listing = query(raw, matched, cursors, &mut arguments)?;
    if raw.body.len() > BODY_BYTES_MAX {
        return Err(Problem::new(413, "too_large", "the body is longer than 64 kB"));
    }
    if let Body::Of(fields) = route.body {
        let value: Value = if raw.body.trim_ascii().is_empty() {
            json!({})
        } else {
            serde_json::from_slice(raw.body).map_err(|_| bad_request("body", "the body is not JSON"))?
        };
        let read =
            field::read(fields, &value, "").map_err(|fault| bad_request(&fault.field, &fault.to_string()))?;
        arguments.extend(read);
    } else if !raw.body.trim_ascii().is_empty() {
        return Err(bad_request("body", "this request has no body"));
    }
    Ok(Asked {
        workspace,
        arguments,
        listing,
        key: key(raw, route)?,
    })
}

fn query(
    raw: &RawRequest<'_>,
    matched: &Matched,
    cursors: &Cursors,
    arguments: &mut Map<String, Value>,
) -> Result<String, Problem> {
    let route = matched.route;
    let is_page = matches!(route.answers, Answers::Page(_));
    let mut cursor = None;
    let mut limit = LIMIT_DEFAULT;
    let mut filters = Map::new();
    for (name, value) in url::form_urlencoded::parse(raw.query.as_bytes()) {
        let known = route
            .query
            .iter()
            .chain(PAGING.iter().filter(|_| is_page))
            .find(|field| field.name == name);
        let Some(field) = known else {
            let short: String = name.chars().take(64).collect();
            let all = field::names(route.query);
            let paging = if is_page { " (and cursor, limit)" } else { "" };
            return Err(bad_request(
                &short,
                &format!("`{short}` is not known here; what is: {all}{paging}"),
            ));
        };
        let read = field::check(&field.kind, &field::from_text(&field.kind, &value), field.name)
            .map_err(|fault| bad_request(&fault.field, &fault.to_string()))?;
        match field.name {
            "cursor" if is_page => cursor = Some(value.into_owned()),
            "limit" if is_page => limit = read.as_i64().unwrap_or(LIMIT_DEFAULT),
            name => {
                if filters.insert(name.to_owned(), read).is_some() {
                    return Err(bad_request(name, &format!("`{name}` stands there twice")));
                }
            }
        }
    }
    if let Some(missing) = route
        .query
        .iter()
        .find(|field| field.required && !filters.contains_key(field.name))
    {
        return Err(bad_request(
            missing.name,
            &format!("`{}` is missing", missing.name),
        ));
    }
    // bound to path and filters: a page that goes on elsewhere is no page of anything
    let listing = format!("{} {}", raw.path, Value::Object(filters.clone()));
    arguments.extend(filters);
    if is_page {
        let after = match &cursor {
            None => Value::Null,
            Some(cursor) => cursors
                .open(&listing, cursor)
                .ok_or_else(|| bad_request("cursor", "`cursor` is not one that this listing gave"))?,
        };
        arguments.insert("limit".to_owned(), limit.into());
        arguments.insert("after".to_owned(), after);
    }
    Ok(listing)
}

fn key(raw: &RawRequest<'_>, route: &Route) -> Result<Option<String>, Problem> {
    let Some(value) = raw.headers.get("idempotency-key") else {
        if route.needs_key {
            return Err(bad_request(
                "Idempotency-Key",
                "the header `Idempotency-Key` is required here: a repeat of the request must not cost twice",
            ));
        }
        return Ok(None);
    };
    let text = value
        .to_str()
        .ok()
        .map(str::trim)
        .filter(|key| (1..=255).contains(&key.len()));
    text.map(|key| Some(key.to_owned())).ok_or_else(|| {
        bad_request(
            "Idempotency-Key",
            "`Idempotency-Key` is 1 to 255 printable characters",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_segments_come_before_braces() {
        let operation = |method: &str, path: &str| find(method, path).map(|matched| matched.route.operation);
        let base = "/api/workspaces/w/phone-numbers";
        assert_eq!(operation("GET", base).unwrap(), "listPhoneNumbers");
        assert_eq!(operation("GET", &format!("{base}/orders")).unwrap(), "listOrders");
        assert_eq!(operation("GET", &format!("{base}/x")).unwrap(), "getPhoneNumber");
        for (method, path, status) in [
            ("DELETE", base.to_owned(), 405),
            ("GET", format!("{base}/"), 404),
            ("GET", format!("{base}/x/y"), 404),
            ("GET", "/api/workspaces".to_owned(), 404),
            ("GET", String::new(), 404),
        ] {
            assert_eq!(
                operation(method, &path).unwrap_err().status,
                status,
                "{method} {path}"
            );
        }
    }

    #[test]
    fn every_route_is_well_formed() {
        let mut operations = Vec::new();
        for route in ROUTES.iter().copied().flatten() {
            let begin = if route.is_of_platform() {
                "/api/platform/"
            } else {
                "/api/workspaces/{workspaceId}/"
            };
            assert!(route.path.starts_with(begin), "{}", route.path);
            assert_eq!(
                route.is_of_platform(),
                route.scope == common::domain::Scope::PlatformRead,
                "{}",
                route.path
            );
            assert!(
                !operations.contains(&route.operation),
                "{} twice",
                route.operation
            );
            operations.push(route.operation);
            for code in route.refusals {
                assert!(
                    crate::problems::CODES.iter().any(|(known, ..)| known == code),
                    "{}: {code}",
                    route.operation
                );
            }
        }
    }
}
