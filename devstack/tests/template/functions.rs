//! Functions: what they read, call, answer and wait for.

use crate::reading::*;
use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use common::config::{Live, Record, Settings};
use common::metrics::FUNCTIONS;
use serde_json::{Map, json};
use testkit::aws::Aws;

/// What is no variable of the template, and why.
const NOT_VARIABLES: [&str; 4] = [
    "AWS_ENDPOINT_URL",    // points at an emulator; AWS itself has none
    "AWS_REGION",          // set by Lambda
    "NEXT_PUBLIC_APP_URL", // the former name of APP_URL
    "WEBHOOK_SIGNATURES",  // may be off on loopback only, which is no deployment
];

/// What stands in the secret.
const SECRETS: [&str; 7] = [
    "SIGNALWIRE_PROJECT_ID",
    "SIGNALWIRE_TOKEN",
    "SIGNALWIRE_SIGNING_KEY",
    "DATABASE_URL",
    "DATABASE_CA",
    "MIGRATION_DATABASE_URL",
    "CLERK_WEBHOOK_SECRET",
];

async fn start(function: &str, settings: Settings) {
    macro_rules! started {
        ($starting:expr) => {
            if let Err(error) = $starting.await {
                panic!("{function} does not start: {error}");
            }
        };
    }
    match function {
        "sms-webhook" => started!(sms_webhook::App::start_with(settings)),
        "voice-webhook" => started!(voice_webhook::App::start_with(settings)),
        "status-callback" => started!(status_callback::App::start_with(settings)),
        "outbound-send" => started!(outbound_send::App::start_with(settings)),
        "clerk-webhook" => started!(clerk_webhook::App::start_with(settings)),
        "provision-trigger" => started!(provision_trigger::App::start_with(settings)),
        "webhook-fallback" => started!(webhook_fallback::App::start_with(settings)),
        "workspace-api" => started!(workspace_api::App::start_with(settings)),
        "spool-replay" => started!(spool_replay::App::start_with(settings)),
        "reconciler" => started!(reconciler::App::start_with(settings)),
        "migrator" => started!(Live::start_with(settings, migrator::Migrator::from_settings)),
        other => panic!("the template has `{other}`, and this test does not know how to start it"),
    }
}

/// What a function asks of its settings, with everything given and with nothing that it can do without.
async fn record_of(function: &str) -> Arc<Record> {
    let aws = Aws::shared().await;
    let name = format!("template-{function}-{}", uuid::Uuid::new_v4());
    let secret = aws
        .create_secret(
            &name,
            &json!({
                "SIGNALWIRE_PROJECT_ID": "11111111-2222-3333-4444-555555555555",
                "SIGNALWIRE_TOKEN": "PT1",
                "SIGNALWIRE_SIGNING_KEY": "PSK_1",
                "DATABASE_URL": "postgres://u:p@127.0.0.1:1/x",
                "CLERK_WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            }),
        )
        .await
        .expect("the secret is made");
    let record = Arc::new(Record::default());
    let endpoint = aws.endpoint_url();
    let queue = format!("{endpoint}/123456789012/queue");
    let least = Settings::of(&[
        ("AWS_ENDPOINT_URL", &endpoint),
        ("AWS_REGION", "us-east-1"),
        ("APP_SECRET_ID", &secret),
        ("APP_URL", "https://ringspace.example.com"),
        ("SIGNALWIRE_SPACE_URL", "example.signalwire.com"),
        ("SIGNALWIRE_PHONE_NUMBER", "+14055550100"),
        ("AUTH_ISSUER", "https://issuer.example.com"),
        ("AUTH_JWKS_URL", "https://issuer.example.com/jwks"),
        ("SPOOL_QUEUE_URL", &queue),
        ("PROVISIONING_QUEUE_URL", &queue),
        ("EVENT_BUS_NAME", "bus"),
    ])
    .recorded(record.clone());
    let most = least
        .clone()
        .with("SIGNALWIRE_WHATSAPP_NUMBER", "+14055550101")
        .with("SIGNALWIRE_CAMPAIGN_ID", "C1")
        .with("AUTH_AUDIENCE", "a")
        .with("MIGRATION_DATABASE_URL", "postgres://o:p@127.0.0.1:1/x");
    start(function, least).await;
    start(function, most).await;
    record
}

#[test]
fn every_function_is_deployed() {
    let template = template();
    let deployed: BTreeSet<String> = functions(&template).into_keys().collect();
    let written: BTreeSet<String> = fs::read_dir(root().join("functions"))
        .expect("there are functions")
        .map(|entry| {
            entry
                .expect("it can be read")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    assert_eq!(deployed, written);
    for name in &deployed {
        assert!(
            FUNCTIONS.contains(&name.as_str()),
            "metrics::FUNCTIONS lacks {name}"
        );
    }
}

#[tokio::test]
async fn variables_are_what_the_code_reads() {
    let template = template();
    for (name, (_, properties)) in functions(&template) {
        let mut expected = record_of(&name).await.read();
        expected.retain(|setting| {
            !NOT_VARIABLES.contains(&setting.as_str()) && !SECRETS.contains(&setting.as_str())
        });
        let given = names(&properties["Environment"]["Variables"]);
        assert_eq!(
            given, expected,
            "{name}: the template gives the left, the code reads the right"
        );
    }
}

#[tokio::test]
async fn policies_are_what_the_code_calls() {
    let template = template();
    let roles = resources(&template, "AWS::IAM::Role");
    for (name, (id, properties)) in functions(&template) {
        let stem = id.trim_end_matches("Function");
        let variables = &properties["Environment"]["Variables"];
        let mut expected: BTreeSet<(String, String)> = BTreeSet::new();
        for action in ["logs:CreateLogStream", "logs:PutLogEvents"] {
            expected.insert((action.to_owned(), format!("{stem}LogGroup")));
        }
        for (action, setting) in record_of(&name).await.called() {
            expected.insert((action.to_owned(), about(&variables[&setting])));
        }
        for event in properties["Events"].as_object().into_iter().flat_map(Map::values) {
            if event["Type"] == "SQS" {
                let queue = about(&event["Properties"]["Queue"]);
                for action in [
                    "sqs:ReceiveMessage",
                    "sqs:DeleteMessage",
                    "sqs:GetQueueAttributes",
                ] {
                    expected.insert((action.to_owned(), queue.clone()));
                }
            }
        }
        let role = &roles[&format!("{stem}Role")];
        let mut allowed = BTreeSet::new();
        for policy in list(&role["Policies"]) {
            for statement in list(&policy["PolicyDocument"]["Statement"]) {
                assert_eq!(statement["Effect"], "Allow", "{name}");
                for action in list(&statement["Action"]) {
                    for resource in list(&statement["Resource"]) {
                        let action = action.as_str().unwrap_or_default().to_owned();
                        assert!(!action.contains('*'), "{name}: {action}");
                        allowed.insert((action, about(&resource)));
                    }
                }
            }
        }
        assert_eq!(
            allowed, expected,
            "{name}: the template allows the left, the code calls the right"
        );
        assert_eq!(
            properties["Role"],
            json!({ "Fn::GetAtt": format!("{stem}Role.Arn") }),
            "{name}"
        );
        assert_eq!(
            properties["LoggingConfig"]["LogGroup"],
            json!({ "Ref": format!("{stem}LogGroup") }),
            "{name}"
        );
    }
}

#[test]
fn no_policy_is_for_everything() {
    let template = template();
    for kind in ["AWS::IAM::Role", "AWS::SQS::QueuePolicy"] {
        for (name, properties) in resources(&template, kind) {
            let text = properties.to_string();
            assert!(!text.contains("\"*\"") && !text.contains(":*"), "{name}: {text}");
        }
    }
}

#[test]
fn queues_outlive_their_functions() {
    let template = template();
    let queues = resources(&template, "AWS::SQS::Queue");
    let dead: BTreeSet<String> = queues
        .values()
        .filter(|queue| queue["RedrivePolicy"].is_object())
        .map(|queue| about(&queue["RedrivePolicy"]["deadLetterTargetArn"]))
        .chain(["ScheduleDeadLetterQueue".to_owned()])
        .collect();
    for (name, queue) in &queues {
        assert_eq!(queue["SqsManagedSseEnabled"], true, "{name}");
        assert_ne!(queue["RedrivePolicy"].is_object(), dead.contains(name), "{name}");
    }
    let mut consumers = 0;
    for (function, (_, properties)) in functions(&template) {
        for event in properties["Events"].as_object().into_iter().flat_map(Map::values) {
            if event["Type"] != "SQS" {
                continue;
            }
            consumers += 1;
            let source = &event["Properties"];
            let visibility = queues[&about(&source["Queue"])]["VisibilityTimeout"].as_u64();
            assert!(
                visibility >= properties["Timeout"].as_u64().map(|timeout| 6 * timeout),
                "{function}"
            );
            assert_eq!(
                source["FunctionResponseTypes"],
                json!(["ReportBatchItemFailures"]),
                "{function}"
            );
            assert!(
                source["ScalingConfig"]["MaximumConcurrency"].as_u64() >= Some(2),
                "{function}"
            );
        }
    }
    assert_eq!(consumers, 2);
}

#[test]
fn routes_are_those_of_the_watcher() {
    let template = template();
    let mut deployed = BTreeSet::new();
    for (name, (_, properties)) in functions(&template) {
        for event in properties["Events"].as_object().into_iter().flat_map(Map::values) {
            if event["Type"] == "HttpApi" {
                let path = event["Properties"]["Path"].as_str().unwrap_or_default();
                let path = path.replace("{proxy+}", "{*rest}");
                let method = event["Properties"]["Method"].as_str().unwrap_or_default();
                deployed.insert((path, method.to_owned(), name.clone()));
            }
        }
    }
    let manifest = read("Cargo.toml");
    let routes = manifest
        .split("[workspace.metadata.lambda.watch.router]\n")
        .nth(1)
        .expect("there is a router");
    for (path, method, function) in &deployed {
        let route = routes
            .split(&format!("\"{path}\" ="))
            .nth(1)
            .and_then(|rest| rest.split(']').next())
            .unwrap_or_else(|| panic!("cargo lambda watch has no route {path}"));
        assert!(route.contains(&format!("\"{function}\"")), "{path}: {route}");
        assert!(
            method == "ANY" || route.contains(&format!("method = \"{method}\"")),
            "{path}: {route}"
        );
    }
    let watched = routes.lines().filter(|line| line.starts_with('"')).count();
    let paths: BTreeSet<&String> = deployed.iter().map(|(path, _, _)| path).collect();
    assert_eq!(
        watched,
        paths.len(),
        "the watcher has other routes than the template"
    );
}
