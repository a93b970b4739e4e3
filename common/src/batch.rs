//! SQS batches: each record stands alone, and those that have to come again are named.

use crate::metrics;
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::future::join_all;
use lambda_runtime::{LambdaEvent, service_fn};
use std::convert::Infallible;
use std::future::Future;

/// A record as it is worked on.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// SQS's own id of the message; empty where there is none.
    pub id: &'a str,
    /// What was sent.
    pub body: &'a str,
}

impl<'a> Record<'a> {
    fn of(message: &'a SqsMessage) -> Self {
        Self {
            id: message.message_id.as_deref().unwrap_or_default(),
            body: message.body.as_deref().unwrap_or_default(),
        }
    }
}

/// Works on all records at once. `work` says whether a record is done with; the others come again.
pub async fn each<'a, F>(event: &'a SqsEvent, work: impl Fn(Record<'a>) -> F) -> SqsBatchResponse
where
    F: Future<Output = bool>,
{
    let outcomes = join_all(event.records.iter().map(|message| work(Record::of(message)))).await;
    let mut response = SqsBatchResponse::default();
    for (message, done) in event.records.iter().zip(outcomes) {
        if !done {
            let mut failure = BatchItemFailure::default();
            Record::of(message).id.clone_into(&mut failure.item_identifier);
            response.batch_item_failures.push(failure);
        }
    }
    response
}

/// Serves until the process ends.
///
/// # Errors
/// When the Lambda Runtime API cannot be reached.
pub async fn serve<'a, H, F>(handler: H) -> Result<(), lambda_runtime::Error>
where
    H: Fn(SqsEvent) -> F + 'a,
    F: Future<Output = SqsBatchResponse> + Send + 'a,
{
    lambda_runtime::run(service_fn(|event: LambdaEvent<SqsEvent>| {
        let work = handler(event.payload);
        async move { Ok::<_, Infallible>(metrics::invocation(&event.context.request_id, work).await) }
    }))
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    fn event(records: &[(Option<&str>, Option<&str>)]) -> SqsEvent {
        let mut event = SqsEvent::default();
        event.records = records
            .iter()
            .map(|(id, body)| {
                let mut message = SqsMessage::default();
                message.message_id = id.map(str::to_owned);
                message.body = body.map(str::to_owned);
                message
            })
            .collect();
        event
    }

    #[tokio::test]
    async fn only_what_is_not_done_comes_again() {
        let event = event(&[
            (Some("a"), Some("good")),
            (Some("b"), Some("bad")),
            (Some("c"), Some("good")),
            (None, None),
        ]);
        let seen = Mutex::new(Vec::new());
        let response = each(&event, |record| {
            seen.lock().unwrap().push(record.id.to_owned());
            async move { record.body == "good" }
        })
        .await;
        let again: Vec<&str> = response
            .batch_item_failures
            .iter()
            .map(|failure| failure.item_identifier.as_str())
            .collect();
        assert_eq!(
            again,
            ["b", ""],
            "SQS brings the whole batch again where an id is missing"
        );
        assert_eq!(*seen.lock().unwrap(), ["a", "b", "c", ""]);
    }

    #[tokio::test]
    async fn records_do_not_wait_for_each_other() {
        let event = event(&[(Some("a"), None), (Some("b"), None)]);
        let barrier = tokio::sync::Barrier::new(2);
        let response = each(&event, |_| async {
            barrier.wait().await;
            true
        });
        let response = tokio::time::timeout(std::time::Duration::from_secs(5), response).await;
        assert!(response.is_ok_and(|response| response.batch_item_failures.is_empty()));
    }
}
