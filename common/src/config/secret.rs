//! The JSON secret in AWS Secrets Manager.

use super::Settings;
use crate::queue::Aws;
use aws_sdk_secretsmanager::error::DisplayErrorContext;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::OnceCell;

/// How long one read may take, retries included.
const READ_SECONDS_MAX: u64 = 5;

/// The secret could not be read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the secret that APP_SECRET_ID names cannot be read: {0}")]
pub struct SecretError(String);

/// Reads one secret; the client is made at the first read.
pub struct SecretReader {
    id: String,
    aws: Aws,
    client: OnceCell<aws_sdk_secretsmanager::Client>,
}

impl SecretReader {
    /// A reader for a secret's name or ARN.
    pub fn new(id: &str, settings: &Settings) -> Self {
        settings.will_call("secretsmanager:GetSecretValue", "APP_SECRET_ID");
        Self {
            id: id.to_owned(),
            aws: Aws::from_settings(settings),
            client: OnceCell::new(),
        }
    }

    /// The secret's keys and values now.
    ///
    /// # Errors
    /// When AWS refuses or cannot be reached, or the secret is no JSON object.
    pub async fn read(&self) -> Result<HashMap<String, String>, SecretError> {
        tokio::time::timeout(Duration::from_secs(READ_SECONDS_MAX), self.fetch())
            .await
            .map_err(|_| SecretError(format!("no answer within {READ_SECONDS_MAX} s")))?
    }

    async fn fetch(&self) -> Result<HashMap<String, String>, SecretError> {
        let client = self
            .client
            .get_or_init(|| async { aws_sdk_secretsmanager::Client::new(&self.aws.config().await) })
            .await;
        let answer = client
            .get_secret_value()
            .secret_id(&self.id)
            .send()
            .await
            .map_err(|error| SecretError(DisplayErrorContext(error).to_string()))?;
        parse(answer.secret_string().unwrap_or_default())
    }
}

fn parse(text: &str) -> Result<HashMap<String, String>, SecretError> {
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|_| SecretError("it is not a JSON object".into()))?;
    let pairs = object.into_iter().filter_map(|(name, value)| match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some((name, text)),
        other => Some((name, other.to_string())),
    });
    Ok(pairs.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_only() {
        let read = parse(r#"{"A": "a", "B": 3, "C": null}"#).unwrap();
        assert_eq!(read.get("A").map(String::as_str), Some("a"));
        assert_eq!(read.get("B").map(String::as_str), Some("3"));
        assert_eq!(read.get("C"), None);
        for bad in ["", "[]", "\"text\"", "{"] {
            let error = parse(bad).unwrap_err().to_string();
            assert!(error.contains("APP_SECRET_ID"), "{error}");
        }
    }
}
