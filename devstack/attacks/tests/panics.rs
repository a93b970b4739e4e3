//! A panic in a handler answers 500 once, tells nothing, and the next request works, in the same process.
#![allow(clippy::unwrap_used, reason = "a test may stop where it is")]

use testkit::runtime_api::{Function, http_event};

#[tokio::test]
async fn a_panic_costs_one_answer() {
    let variables = [("RUST_LOG", "trace")];
    let function = Function::spawn(env!("CARGO_BIN_EXE_panicking-function"), variables).unwrap();
    let ask = |path: &'static str| {
        let headers = [("content-type", "text/plain")];
        function.invoke(http_event("POST", path, "", &headers, b"canary +14155550199"))
    };
    assert_eq!(ask("/well").await.unwrap()["statusCode"], 200);
    let pid = function.pid();
    for _ in 0..3 {
        let answer = ask("/panic").await.unwrap();
        assert_eq!(answer["statusCode"], 500);
        assert_eq!(answer["body"], "");
        assert_eq!(ask("/well").await.unwrap()["statusCode"], 200);
    }
    assert_eq!((function.pid(), function.exit_status()), (pid, None));
    function.terminate();
    function.wait().await;
    let logs = function.logs();
    assert_eq!(logs.matches("\"Panic\"").count(), 3, "{logs}");
    assert!(
        logs.contains("panicking-function.rs:"),
        "where it was is told: {logs}"
    );
    assert!(!logs.contains("canary") && !logs.contains("4155550199"), "{logs}");
}
