//! SQS: there, with dead letters, and nothing left lying.

use super::Findings;
use aws_sdk_sqs::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_sqs::types::QueueAttributeName;
use common::config::Settings;
use common::queue::Aws;
use serde_json::Value;
use std::time::Duration;

pub(super) async fn examine(settings: &Settings) -> Findings {
    let mut findings = Findings::of("queues");
    let client = aws_sdk_sqs::Client::new(&Aws::from_settings(settings).config().await);
    for name in ["PROVISIONING_QUEUE_URL", "SPOOL_QUEUE_URL"] {
        if let Some(url) = settings.optional(name)
            && url::Url::parse(url).is_ok()
        {
            look(&client, name, url, &mut findings).await;
        }
    }
    findings
}

async fn look(client: &aws_sdk_sqs::Client, name: &str, url: &str, findings: &mut Findings) {
    let asking = client
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(QueueAttributeName::All)
        .send();
    let answer = match tokio::time::timeout(Duration::from_secs(10), asking).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            let code = error.code().unwrap_or_default();
            let (what, advice) = if code.contains("NonExistent") || code.contains("DoesNotExist") {
                (
                    "there is no such queue",
                    "take the URL from the stack's outputs, and the region of the stack",
                )
            } else if code.contains("AccessDenied") || code.contains("Token") || code.contains("Signature") {
                (
                    "AWS refuses us",
                    "sign in: eval \"$(aws configure export-credentials --format env)\"",
                )
            } else {
                return findings.unseen(
                    format!("{name}: {}", DisplayErrorContext(&error)),
                    "AWS credentials and a region are needed in the environment",
                );
            };
            return findings.fault(format!("{name}: {what}"), advice);
        }
        Err(_) => {
            return findings.fault(
                format!("{name}: no answer within 10 s"),
                "is AWS_ENDPOINT_URL right?",
            );
        }
    };
    let attribute = |wanted: QueueAttributeName| {
        answer
            .attributes()
            .and_then(|attributes| attributes.get(&wanted))
            .cloned()
    };
    let count = |wanted| {
        attribute(wanted)
            .and_then(|text| text.parse::<u64>().ok())
            .unwrap_or(0)
    };
    let waiting = count(QueueAttributeName::ApproximateNumberOfMessages);
    let Some(redrive) = attribute(QueueAttributeName::RedrivePolicy) else {
        return findings.fault(
            format!("{name}: the queue has no dead-letter queue: what cannot be done comes again for days"),
            "make the queue with template.yaml",
        );
    };
    findings.well(format!("{name}: there, {waiting} waiting"));
    let redrive: Value = serde_json::from_str(&redrive).unwrap_or(Value::Null);
    let dead = redrive["deadLetterTargetArn"]
        .as_str()
        .and_then(|arn| arn.rsplit(':').next());
    let Some(dead) = dead else { return };
    let Some(base) = url.rsplit_once('/').map(|(base, _)| base) else {
        return;
    };
    let asking = client
        .get_queue_attributes()
        .queue_url(format!("{base}/{dead}"))
        .attribute_names(QueueAttributeName::ApproximateNumberOfMessages)
        .send();
    let answered = tokio::time::timeout(Duration::from_secs(10), asking).await;
    let Ok(Ok(answer)) = answered else {
        return findings.fault(
            format!("{name}: its dead-letter queue cannot be read"),
            "does it still exist?",
        );
    };
    let letters = answer
        .attributes()
        .and_then(|attributes| attributes.get(&QueueAttributeName::ApproximateNumberOfMessages))
        .and_then(|text| text.parse::<u64>().ok())
        .unwrap_or(0);
    if letters == 0 {
        findings.well(format!("{name}: no dead letters"));
    } else {
        findings.notice(
            format!("{name}: {letters} dead letters"),
            "docs/RUNBOOK.md, \"Provisioning dead letters\" and \"Spool dead letters\"",
        );
    }
}
