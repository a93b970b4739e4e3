//! The program itself, under a server of the Runtime API that describes the function or does not.

use crate::support::{CUSTOMER, Desk, NUMBER, PATH, sms};
use testkit::runtime_api::Function;

const PROGRAM: &str = env!("CARGO_BIN_EXE_sms-webhook");
const DESCRIPTION: [&str; 3] = [
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
];

fn with(desk: &Desk, changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut environment = desk.fixture.environment();
    environment.extend(
        changes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    environment
}

#[tokio::test]
async fn a_server_need_not_describe_the_function() {
    let desk = Desk::open().await;
    let none = DESCRIPTION.map(|name| (name, ""));
    for (index, missing) in [&none[..], &none[..1], &[]].into_iter().enumerate() {
        let function = Function::spawn(PROGRAM, with(&desk, missing)).unwrap();
        let sid = format!("SM{index}");
        let event = desk
            .fixture
            .webhook_event(PATH, "", &sms(&sid, CUSTOMER, NUMBER, "hello"));
        let answer = function.invoke(event).await.unwrap();
        assert_eq!(answer["statusCode"], 200, "{missing:?}");
        function.close().await;
    }
    assert_eq!(desk.fixture.count("conversation_messages").await, 3);
}

#[tokio::test]
async fn without_a_server_it_says_what_it_runs_under() {
    let desk = Desk::open().await;
    for (name, value) in [
        ("AWS_LAMBDA_RUNTIME_API", ""),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "much"),
        ("SIGNALWIRE_PROJECT_ID", ""), // a setting is named all the same, and first
    ] {
        let function = Function::spawn(PROGRAM, with(&desk, &[(name, value)])).unwrap();
        assert!(!function.wait().await.success(), "{name}");
        let logs = function.logs();
        assert!(logs.contains("Cannot start") && logs.contains(name), "{logs}");
        assert!(!logs.contains("Panic"), "{logs}");
    }
}
