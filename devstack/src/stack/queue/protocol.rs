//! The queues over HTTP: enough of SQS for a sender with the AWS SDK, and a look at what waits.

use std::sync::Arc;

use axum::Json;
use axum::body::{self, Body};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use md5::{Digest, Md5};
use serde_json::{Value, json};

use super::{Inner, Line, PATIENCE};

/// SQS takes no longer message.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// What waits, and what no delivery cured.
pub(super) async fn show(State(inner): State<Arc<Inner>>) -> Json<Value> {
    let shown = |line: &Line| {
        let dead: Vec<Value> = line
            .dead()
            .iter()
            .map(|letter| json!({ "messageId": letter.id, "body": letter.body }))
            .collect();
        json!({
            "queueUrl": line.url,
            "function": line.work.function(),
            "pending": line.pending(),
            "deadLetters": dead,
        })
    };
    Json(json!({ "queues": inner.lines.iter().map(shown).collect::<Vec<_>>() }))
}

/// The AWS JSON protocol: the operation is in a header, errors have a type.
pub(super) async fn speak(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let target = head
        .headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    if !matches!(
        target,
        Some("AmazonSQS.SendMessage" | "AmazonSQS.GetQueueAttributes")
    ) {
        return refuse(
            "com.amazonaws.sqs#UnsupportedOperation",
            "only SendMessage and GetQueueAttributes are known here",
        );
    }
    let asked: Value = match body::to_bytes(body, 2 * BODY_BYTES_MAX).await {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        Err(_) => Value::Null,
    };
    let text = asked["MessageBody"].as_str().unwrap_or("");
    let url = asked["QueueUrl"].as_str();
    let Some(line) = inner.lines.iter().find(|line| url == Some(line.url.as_str())) else {
        return refuse(
            "com.amazonaws.sqs#QueueDoesNotExist",
            "The specified queue does not exist.",
        );
    };
    if target == Some("AmazonSQS.GetQueueAttributes") {
        let attributes = json!({
            "ApproximateNumberOfMessages": line.pending().to_string(),
            "VisibilityTimeout": (6 * PATIENCE.as_secs()).to_string(),
            "RedrivePolicy": json!({ "maxReceiveCount": line.work.receives_max() }).to_string(),
        });
        return amz(StatusCode::OK, &json!({ "Attributes": attributes }));
    }
    if text.is_empty() {
        return refuse(
            "com.amazonaws.sqs#MissingParameter",
            "The request must contain the parameter MessageBody.",
        );
    }
    if text.len() > BODY_BYTES_MAX {
        return refuse(
            "com.amazonaws.sqs#InvalidParameterValue",
            "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.",
        );
    }
    let id = inner.put(line, text);
    let md5 = hex::encode(Md5::digest(text.as_bytes()));
    amz(
        StatusCode::OK,
        &json!({ "MessageId": id, "MD5OfMessageBody": md5 }),
    )
}

fn refuse(kind: &str, message: &str) -> Response {
    amz(
        StatusCode::BAD_REQUEST,
        &json!({ "__type": kind, "message": message }),
    )
}

fn amz(status: StatusCode, value: &Value) -> Response {
    let mut response = (status, Body::from(value.to_string())).into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-amz-json-1.0"),
    );
    response
}
