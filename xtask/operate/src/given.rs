//! Whose settings: the environment's, a file's, a deployed stack's, or those of a running `cargo dev`.

use crate::arguments::Arguments;
use common::config::{Live, Settings};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

/// Where `cargo dev` leaves its settings.
const LOCAL_ENV: &str = "target/devstack/local.env";

/// Reads `--env-file PATH` or `--stack NAME`; without either the environment, and when that names no database the local stack. The
/// secret that `APP_SECRET_ID` names is read too. The environment wins over all of them.
///
/// # Errors
/// What cannot be read.
pub async fn settings(environment: &Settings, arguments: &Arguments<'_>) -> Result<Settings, String> {
    let has_database = environment
        .optional("DATABASE_URL")
        .or(environment.optional("APP_SECRET_ID"))
        .is_some();
    let pairs = match (arguments.option("env-file"), arguments.option("stack")) {
        (Some(_), Some(_)) => return Err("--env-file or --stack, not both".to_owned()),
        (Some(path), None) => file(Path::new(path))?,
        (None, Some(name)) => stack(name)?,
        (None, None) if !has_database && Path::new(LOCAL_ENV).exists() => file(Path::new(LOCAL_ENV))?,
        (None, None) => Vec::new(),
    };
    let mut settings = environment.clone();
    for (name, value) in pairs {
        if settings.optional(&name).is_none() {
            settings = settings.with(&name, &value);
        }
    }
    let live = Live::start_with(settings, |settings| Ok(settings.clone()));
    let live = live.await.map_err(|error| error.to_string())?;
    Ok(live.get().await.as_ref().clone())
}

fn file(path: &Path) -> Result<Vec<(String, String)>, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(pairs(&text))
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.trim_start_matches("export ").split_once('='))
        .map(|(name, value)| {
            (
                name.trim().to_owned(),
                value.trim().trim_matches(['"', '\'']).to_owned(),
            )
        })
        .collect()
}

/// What a deployed stack tells of itself, asked with the AWS command line, which knows every way to sign in.
fn stack(name: &str) -> Result<Vec<(String, String)>, String> {
    let aws = |arguments: &[&str]| -> Result<Value, String> {
        let output = Command::new("aws")
            .args(arguments)
            .args(["--output", "json"])
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("--stack needs the AWS command line (`aws`): {error}"))?;
        if output.status.success() {
            serde_json::from_slice(&output.stdout).map_err(|error| format!("`aws` gave no JSON: {error}"))
        } else {
            Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
        }
    };
    let described = aws(&["cloudformation", "describe-stacks", "--stack-name", name])?;
    let mut found = from_stack(&described["Stacks"][0]);
    if found.is_empty() {
        return Err(format!("the stack {name} has no outputs"));
    }
    let credentials = aws(&["configure", "export-credentials", "--format", "process"])?;
    for (variable, member) in [
        ("AWS_ACCESS_KEY_ID", "AccessKeyId"),
        ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey"),
        ("AWS_SESSION_TOKEN", "SessionToken"),
    ] {
        found.extend(
            credentials[member]
                .as_str()
                .map(|value| (variable.to_owned(), value.to_owned())),
        );
    }
    Ok(found)
}

fn from_stack(stack: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let member = |list: &str, key: &str, value: &str| -> Vec<(String, String)> {
        let items = stack[list].as_array().into_iter().flatten();
        items
            .filter_map(|item| Some((item[key].as_str()?.to_owned(), item[value].as_str()?.to_owned())))
            .collect()
    };
    for (name, value) in member("Outputs", "OutputKey", "OutputValue") {
        let setting = match name.as_str() {
            "AppSecretId" => "APP_SECRET_ID",
            "ProvisioningQueueUrl" => "PROVISIONING_QUEUE_URL",
            "SpoolQueueUrl" => "SPOOL_QUEUE_URL",
            "EventBusName" => "EVENT_BUS_NAME",
            _ => continue,
        };
        found.push((setting.to_owned(), value));
    }
    for (name, value) in member("Parameters", "ParameterKey", "ParameterValue") {
        let setting = match name.as_str() {
            "AppUrl" => "APP_URL",
            "SignalWireSpaceUrl" => "SIGNALWIRE_SPACE_URL",
            "SignalWirePhoneNumber" => "SIGNALWIRE_PHONE_NUMBER",
            "SignalWireWhatsAppNumber" => "SIGNALWIRE_WHATSAPP_NUMBER",
            "SignalWireCampaignId" => "SIGNALWIRE_CAMPAIGN_ID",
            "AuthIssuer" => "AUTH_ISSUER",
            "AuthJwksUrl" => "AUTH_JWKS_URL",
            "AuthAudience" => "AUTH_AUDIENCE",
            "AllowedCountries" => "ALLOWED_COUNTRIES",
            "DefaultAreaCode" => "DEFAULT_AREA_CODE",
            "ReleaseGraceDays" => "RELEASE_GRACE_DAYS",
            _ => continue,
        };
        found.push((setting.to_owned(), value));
    }
    if let Some(region) = stack["StackId"].as_str().and_then(|arn| arn.split(':').nth(3)) {
        found.push(("AWS_REGION".to_owned(), region.to_owned()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn files() {
        assert_eq!(
            pairs("# a comment\nA=1\nexport B=\"two = 2\"\n\nnonsense\n"),
            [("A".into(), "1".into()), ("B".into(), "two = 2".into())]
        );
    }

    #[test]
    fn stacks() {
        let described = json!({
            "StackId": "arn:aws:cloudformation:eu-west-1:1:stack/x/y",
            "Outputs": [{ "OutputKey": "AppSecretId", "OutputValue": "arn" }, { "OutputKey": "Other", "OutputValue": "o" }],
            "Parameters": [{ "ParameterKey": "AppUrl", "ParameterValue": "https://x.example" }],
        });
        assert_eq!(
            from_stack(&described),
            [
                ("APP_SECRET_ID".into(), "arn".into()),
                ("APP_URL".into(), "https://x.example".into()),
                ("AWS_REGION".into(), "eu-west-1".into()),
            ]
        );
    }
}
