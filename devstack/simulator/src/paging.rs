//! Lists, a page at a time (FACTS 1, Paging).

use serde_json::{Value, json};

use crate::{answer::Answer, wire::Params};

/// Fifty unless asked, a thousand at most.
const PAGE_SIZE_DEFAULT: usize = 50;
const PAGE_SIZE_MAX: usize = 1000;

struct Cut {
    page: usize,
    size: usize,
    items: Vec<Value>,
    /// Query parts of the neighbours.
    next: Option<(usize, String)>,
    previous: Option<(usize, String)>,
}

/// Names of the three parameters, which differ per API.
struct Names(&'static str, &'static str, &'static str);

const COMPAT: Names = Names("Page", "PageSize", "PageToken");
const RELAY: Names = Names("page_number", "page_size", "page_token");

/// A token names the neighbour it continues from: `PA` the last row of the page before, `PB` the first of the one after.
fn cut(query: &Params, names: &Names, items: Vec<(String, Value)>) -> Result<Cut, (u32, &'static str)> {
    let number = |name: &str, default: usize| match query.filled(name) {
        None => Ok(default),
        Some(text) => text
            .parse::<usize>()
            .map_err(|_| (54453, "Page and PageSize must be numbers")),
    };
    let page = number(names.0, 0)?;
    let size = number(names.1, PAGE_SIZE_DEFAULT)?;
    if size == 0 || size > PAGE_SIZE_MAX {
        return Err((54453, "PageSize must be between 1 and 1000"));
    }
    let position = |sid: &str| items.iter().position(|(other, _)| other == sid);
    let unknown = (54454, "PageToken is not valid");
    let start = match query.filled(names.2) {
        None if page > 0 => return Err((54454, "PageToken is required when Page is greater than 0")),
        None => 0,
        Some(token) => match token.split_at_checked(2) {
            Some(("PA", sid)) => position(sid).ok_or(unknown)? + 1,
            Some(("PB", sid)) => position(sid).ok_or(unknown)?.saturating_sub(size),
            _ => return Err(unknown),
        },
    };
    let end = items.len().min(start + size);
    let next = (end < items.len()).then(|| (page + 1, format!("PA{}", items[end - 1].0)));
    let previous =
        (start > 0 && page > 0).then(|| (page - 1, format!("PB{}", items[start.min(items.len() - 1)].0)));
    let items = items
        .into_iter()
        .map(|(_, value)| value)
        .skip(start)
        .take(end.saturating_sub(start))
        .collect();
    Ok(Cut {
        page,
        size,
        items,
        next,
        previous,
    })
}

fn link(path: &str, query: &Params, names: &Names, page: usize, size: usize, token: Option<&str>) -> String {
    let own = [names.0, names.1, names.2];
    let mut params: Params = query
        .0
        .iter()
        .filter(|(name, _)| !own.contains(&name.as_str()))
        .cloned()
        .collect();
    params.push(names.0, page.to_string());
    params.push(names.1, size.to_string());
    if let Some(token) = token {
        params.push(names.2, token);
    }
    format!("{path}?{}", params.encode())
}

/// A Compat list under `key`; `items` are (SID, row), in list order.
pub(crate) fn compat(path: &str, query: &Params, key: &str, items: Vec<(String, Value)>) -> Answer {
    let cut = match cut(query, &COMPAT, items) {
        Ok(cut) => cut,
        Err((code, message)) => return Answer::compat(400, code, message),
    };
    let to = |(page, token): (usize, String)| link(path, query, &COMPAT, page, cut.size, Some(&token));
    let mut body = json!({
        "uri": link(path, query, &COMPAT, cut.page, cut.size, query.filled("PageToken")),
        "first_page_uri": link(path, query, &COMPAT, 0, cut.size, None),
        "next_page_uri": cut.next.map(to),
        "previous_page_uri": cut.previous.map(to),
        "page": cut.page,
        "page_size": cut.size,
    });
    body[key] = Value::Array(cut.items);
    Answer::json(200, body)
}

/// A list of the JSON APIs: `data` and `links`, absolute.
pub(crate) fn relay(base_url: &str, path: &str, query: &Params, items: Vec<(String, Value)>) -> Answer {
    let cut = match cut(query, &RELAY, items) {
        Ok(cut) => cut,
        Err((_, message)) => return Answer::relay_errors(400, "invalid_parameter", message),
    };
    let path = format!("{base_url}{path}");
    let mut links = json!({
        "self": link(&path, query, &RELAY, cut.page, cut.size, query.filled("page_token")),
        "first": link(&path, query, &RELAY, 0, cut.size, None),
    });
    for (name, neighbour) in [("next", cut.next), ("prev", cut.previous)] {
        if let Some((page, token)) = neighbour {
            links[name] = json!(link(&path, query, &RELAY, page, cut.size, Some(&token)));
        }
    }
    Answer::json(200, json!({ "links": links, "data": cut.items }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items() -> Vec<(String, Value)> {
        (0..5).map(|i| (format!("sid{i}"), json!(i))).collect()
    }

    #[test]
    fn pages_follow_each_other_and_keep_filters() {
        let mut query = Params::parse("PageSize=2&To=%2B1405");
        let mut seen = Vec::new();
        loop {
            let body = compat("/x", &query, "rows", items()).body.unwrap();
            seen.extend(body["rows"].as_array().unwrap().clone());
            let Some(next) = body["next_page_uri"].as_str() else {
                break;
            };
            assert!(next.contains("To=%2B1405"), "{next}");
            query = Params::parse(next.split_once('?').unwrap().1);
        }
        assert_eq!(seen, (0..5).map(|i| json!(i)).collect::<Vec<_>>());
        let body = compat("/x", &query, "rows", items()).body.unwrap();
        let previous = body["previous_page_uri"].as_str().unwrap();
        let back = compat(
            "/x",
            &Params::parse(previous.split_once('?').unwrap().1),
            "rows",
            items(),
        )
        .body
        .unwrap();
        assert_eq!(back["rows"], json!([2, 3]));
    }

    #[test]
    fn a_later_page_needs_its_token() {
        for query in [
            "Page=1",
            "PageSize=0",
            "PageSize=1001",
            "Page=x",
            "Page=1&PageToken=PAnone",
            "PageToken=é",
        ] {
            assert_eq!(
                compat("/x", &Params::parse(query), "rows", items()).status,
                400,
                "{query}"
            );
        }
    }
}
