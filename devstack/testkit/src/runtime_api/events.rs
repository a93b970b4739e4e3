//! Events as AWS builds them.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

const ACCOUNT: &str = "123456789012";
const REGION: &str = "us-east-1";

/// The event of an API Gateway HTTP API (payload format 2.0) on the `$default` stage and route.
///
/// `query` is the raw query string, without `?`. Header names become lower case, repeated ones are joined with commas,
/// and cookies move to their own list. A body that is neither JSON nor text is encoded in base64: form bodies too.
pub fn http_event(method: &str, path: &str, query: &str, headers: &[(&str, &str)], body: &[u8]) -> Value {
    let mut joined = BTreeMap::<String, String>::new();
    let mut cookies = Vec::new();
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        if name == "cookie" {
            cookies.extend(value.split(';').map(|cookie| cookie.trim().to_owned()));
            continue;
        }
        join(&mut joined, name, value);
    }
    if !body.is_empty() {
        joined
            .entry("content-length".to_owned())
            .or_insert_with(|| body.len().to_string());
    }
    let host = joined
        .entry("host".to_owned())
        .or_insert_with(|| "localhost".to_owned())
        .clone();
    joined
        .entry("x-forwarded-proto".to_owned())
        .or_insert_with(|| "https".to_owned());
    joined
        .entry("x-forwarded-for".to_owned())
        .or_insert_with(|| "127.0.0.1".to_owned());
    let now = Timestamp::now();
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": joined,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "localapi00",
            "domainName": host,
            "domainPrefix": host.split('.').next().unwrap_or_default(),
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": joined.get("user-agent").cloned().unwrap_or_default(),
            },
            "requestId": Uuid::new_v4().simple().to_string(),
            "routeKey": "$default",
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": now.as_millisecond(),
        },
        "isBase64Encoded": false,
    });
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    if !query.is_empty() {
        let mut parameters = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            join(&mut parameters, name.into_owned(), &value);
        }
        event["queryStringParameters"] = json!(parameters);
    }
    if !body.is_empty() {
        let kind = joined.get("content-type").map(String::as_str).unwrap_or_default();
        match std::str::from_utf8(body) {
            Ok(text) if is_text(kind) => event["body"] = json!(text),
            _ => {
                event["body"] = json!(STANDARD.encode(body));
                event["isBase64Encoded"] = json!(true);
            }
        }
    }
    event
}

/// The content types that API Gateway passes on as they are.
fn is_text(content_type: &str) -> bool {
    let kind = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    kind.starts_with("text/")
        || ["application/json", "application/xml", "application/javascript"].contains(&kind.as_str())
}

fn join(map: &mut BTreeMap<String, String>, name: String, value: &str) {
    map.entry(name)
        .and_modify(|joined| {
            joined.push(',');
            joined.push_str(value);
        })
        .or_insert_with(|| value.to_owned());
}

/// A batch of SQS messages, each a message id and a body. `md5OfBody` is left out: no function of ours reads it.
pub fn sqs_event(messages: &[(&str, &str)]) -> Value {
    let sent = Timestamp::now().as_millisecond().to_string();
    let records: Vec<Value> = messages
        .iter()
        .map(|(id, body)| {
            json!({
                "messageId": id,
                "receiptHandle": format!("receipt-{id}"),
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": sent,
                    "SenderId": ACCOUNT,
                    "ApproximateFirstReceiveTimestamp": sent,
                },
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:local-queue"),
                "awsRegion": REGION,
            })
        })
        .collect();
    json!({ "Records": records })
}

/// What EventBridge sends when the schedule of a rule comes round.
pub fn schedule_event(rule: &str) -> Value {
    json!({
        "version": "0",
        "id": Uuid::new_v4().to_string(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": REGION,
        "resources": [format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}")],
        "detail": {},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_body_is_base64_and_json_is_not() {
        let form = http_event(
            "POST",
            "/a",
            "",
            &[("Content-Type", "application/x-www-form-urlencoded")],
            b"Body=Hi",
        );
        assert_eq!(
            (&form["body"], &form["isBase64Encoded"]),
            (&json!("Qm9keT1IaQ=="), &json!(true))
        );
        let text = http_event(
            "POST",
            "/a",
            "",
            &[("Content-Type", "application/json; charset=utf-8")],
            b"{}",
        );
        assert_eq!(
            (&text["body"], &text["isBase64Encoded"]),
            (&json!("{}"), &json!(false))
        );
    }

    #[test]
    fn names_repetitions_and_cookies_are_as_in_api_gateway() {
        let event = http_event(
            "GET",
            "/p",
            "a=1&b=x%20y&a=2",
            &[("X-A", "1"), ("x-a", "2"), ("Cookie", "c=1; d=2")],
            b"",
        );
        assert_eq!(event["headers"]["x-a"], "1,2");
        assert_eq!(event["cookies"], json!(["c=1", "d=2"]));
        assert_eq!(event["queryStringParameters"], json!({ "a": "1,2", "b": "x y" }));
        assert_eq!(event["rawQueryString"], "a=1&b=x%20y&a=2");
        assert!(event.get("body").is_none() && event["headers"].get("cookie").is_none());
        assert_eq!(event["requestContext"]["http"]["method"], "GET");
    }
}
