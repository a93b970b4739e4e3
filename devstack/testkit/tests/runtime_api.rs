//! A function's process, started and served as Lambda does.

use std::time::Duration;

use serde_json::json;
use testkit::runtime_api::{Function, InvokeError, Options};

const BINARY: &str = env!("CARGO_BIN_EXE_testkit-function");
const NOTHING: [(&str, &str); 0] = [];

#[tokio::test]
async fn events_queue_and_each_gets_its_own_answer() {
    let function = Function::spawn(BINARY, NOTHING).unwrap();
    let (a, b, c) = tokio::join!(
        function.invoke(json!({ "n": 1 })),
        function.invoke(json!({ "n": 2 })),
        function.invoke(json!({ "do": "fail" })),
    );
    assert_eq!((a.unwrap(), b.unwrap()), (json!({ "n": 1 }), json!({ "n": 2 })));
    assert!(matches!(c, Err(InvokeError::Function(document)) if document["errorType"] == "Asked"));
    assert!(function.time_to_first_poll().unwrap() <= function.time_to_first_answer().unwrap());
    assert!(function.logs().contains("got {\"n\":2}"));
    assert!(function.init_error().is_none() && function.exit_status().is_none());
}

#[tokio::test]
async fn the_environment_is_lambdas_and_the_tests_own() {
    let function = Function::spawn(BINARY, [("APP_URL", "x")]).unwrap();
    let names = function.invoke(json!({ "do": "env" })).await.unwrap();
    let has = |name: &str| names.as_array().unwrap().contains(&json!(name));
    assert!(has("APP_URL") && has("AWS_LAMBDA_FUNCTION_NAME") && has("AWS_LAMBDA_FUNCTION_VERSION"));
    assert!(!has("CARGO_MANIFEST_DIR") && !has("HOME"));
}

#[tokio::test]
async fn an_end_is_told_to_everyone_who_waits_and_to_who_comes_later() {
    let function = Function::spawn(BINARY, NOTHING).unwrap();
    let (first, second) = tokio::join!(
        function.invoke(json!({ "do": "exit" })),
        function.invoke(json!({}))
    );
    assert!(matches!(first, Err(InvokeError::Exited { log, .. }) if log.contains("got")));
    assert!(matches!(second, Err(InvokeError::Exited { .. })));
    assert_eq!(function.wait().await.code(), Some(7));
    assert!(matches!(
        function.invoke(json!({})).await,
        Err(InvokeError::Exited { .. })
    ));
}

#[tokio::test]
async fn a_refusal_to_start_is_recorded() {
    let function = Function::spawn(BINARY, [("REFUSE_TO_START", "1")]).unwrap();
    assert!(function.ready().await.is_err());
    assert_eq!(function.init_error().unwrap()["errorMessage"], "X is missing");
    assert_eq!(function.exit_status().unwrap().code(), Some(1));
}

#[tokio::test]
async fn a_function_that_hangs_is_killed() {
    let options = Options {
        timeout: Duration::from_millis(200),
        ..Options::default()
    };
    let function = Function::spawn_with(BINARY, NOTHING, options).unwrap();
    assert!(matches!(
        function.invoke(json!({ "do": "hang" })).await,
        Err(InvokeError::TimedOut(_))
    ));
    assert!(!function.wait().await.success());
}

#[tokio::test]
async fn a_frozen_function_answers_when_it_thaws() {
    let function = Function::spawn(BINARY, NOTHING).unwrap();
    function.ready().await.unwrap();
    function.freeze();
    let mut waiting = Box::pin(function.invoke(json!({ "n": 1 })));
    assert!(
        tokio::time::timeout(Duration::from_millis(100), &mut waiting)
            .await
            .is_err()
    );
    function.thaw();
    assert_eq!(waiting.await.unwrap(), json!({ "n": 1 }));
    if cfg!(target_os = "linux") {
        let (now, highest) = function.resident_kib().unwrap();
        assert!(now > 0 && now <= highest);
    }
}
