//! What does not end a process, and what does.

use crate::world::{World, event};
use faults::programs::FUNCTIONS;
use serde_json::{Value, json};
use testkit::runtime_api::{Function, InvokeError, http_event};
use tokio_postgres::Client;

/// An event that the function knows, and how its answer begins.
fn known(function: &str) -> (Value, &'static str, Value) {
    match function {
        "sms-webhook" => (event("sms-webhook/inbound-sms.json"), "statusCode", json!(200)),
        "voice-webhook" => (event("voice-webhook/inbound-call.json"), "statusCode", json!(200)),
        "status-callback" => (
            event("status-callback/message-delivered.json"),
            "statusCode",
            json!(200),
        ),
        "webhook-fallback" => (event("webhook-fallback/sms.json"), "statusCode", json!(200)),
        "outbound-send" => (event("outbound-send/sms.json"), "statusCode", json!(201)),
        "workspace-api" => (
            http_event("GET", "/api/workspaces/x/usage", "", &[], b""),
            "statusCode",
            json!(401),
        ),
        "clerk-webhook" => (event("clerk-webhook/unknown-type.json"), "statusCode", json!(200)),
        "spool-replay" => (event("spool-replay/message.json"), "batchItemFailures", json!([])),
        "provision-trigger" => (
            event("provision-trigger/starter-created.json"),
            "batchItemFailures",
            json!([]),
        ),
        "reconciler" => (event("reconciler/five-minutes.json"), "problems", json!([])),
        "migrator" => (event("migrator/empty.json"), "applied", json!([])),
        other => panic!("which event does {other} know?"),
    }
}

async fn works(function: &Function, name: &str) {
    let (event, key, value) = known(name);
    let answer = function.invoke(event).await;
    let answer = answer.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(answer[key], value, "{name}: {answer}");
}

/// What no trigger sends.
fn garbage() -> Vec<Vec<u8>> {
    let nested = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let mut all: Vec<Vec<u8>> = [
        "",
        "not JSON",
        "null",
        "[]",
        "{}",
        "42",
        "{\"Records\":null}",
        "{\"Records\":[{}]}",
        "{\"Records\":[{\"messageId\":\"x\",\"body\":\"\\u0000\"}]}",
        "{\"version\":\"2.0\"}",
        "{\"version\":\"2.0\",\"rawPath\":\"\\\\ \",\"headers\":{\"host\":\"\\u0000\"},\"body\":\"%ZZ\",\"isBase64Encoded\":true}",
        "{\"resources\":[{}]}",
        &nested,
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    all.push(vec![0xff, 0xfe, 0x00]);
    all.push(vec![b' '; 1024 * 1024]);
    all
}

#[tokio::test]
async fn garbage_is_an_answer_or_an_error_and_the_next_event_works() {
    let world = World::open().await;
    for name in FUNCTIONS {
        let function = world.start(name).await;
        for bytes in garbage() {
            let start = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
            match function.invoke_bytes(bytes).await {
                Ok(_) | Err(InvokeError::Function(_)) => {}
                Err(error) => panic!("{name} after `{start}`: {error}"),
            }
            assert!(
                !function.logs().contains("panicked"),
                "{name} after `{start}`: {}",
                function.logs()
            );
        }
        works(&function, name).await;
        assert_eq!(function.exit_status(), None, "{name}");
        function.close().await;
    }
}

/// Puts a function of the same name and parameters in the place of one of the schema's, with another type of answer: no statement
/// expects that, so whoever reads the answer panics.
async fn derange(sql: &Client, parameters: &str, name: &str, answer: &str) {
    let replace = format!(
        "alter function {name} rename to {name}_whole;
         create function {name}({parameters}) returns {answer} language sql as $$ select {columns} $$;
         grant execute on function {name} to public",
        columns = vec!["1"; answer.matches("integer").count()].join(", "),
    );
    sql.batch_execute(&replace).await.unwrap();
}

async fn mend(sql: &Client, name: &str) {
    let restore = format!("drop function {name}; alter function {name}_whole rename to {name}");
    sql.batch_execute(&restore).await.unwrap();
}

#[tokio::test]
async fn a_panic_is_a_500_or_a_failed_invocation_and_the_next_event_works() {
    const RECORD: (&str, &str, &str) = (
        "record_inbound_message",
        "uuid, text, text, text, text, text, jsonb, integer, boolean, text, text, timestamptz",
        "table (outcome integer, workspace_id integer, workspace_name integer, conversation_id integer, message_id integer, \
         reply integer)",
    );
    const BEGIN: (&str, &str, &str) = ("begin_run", "uuid, text", "integer");
    let world = World::open().await;
    let sql = world.stack.inspect().await.unwrap();
    for (name, (broken, parameters, answer)) in [
        ("sms-webhook", RECORD),
        ("spool-replay", RECORD),
        ("reconciler", BEGIN),
    ] {
        let function = world.start(name).await;
        let pid = function.pid();
        derange(&sql, parameters, broken, answer).await;
        for _ in 0..2 {
            match function.invoke(known(name).0).await {
                // who speaks HTTP answers all the same
                Ok(answer) if name == "sms-webhook" => assert_eq!(answer["statusCode"], 500, "{answer}"),
                Err(InvokeError::Function(report)) => {
                    assert!(report.to_string().contains("panic"), "{name}: {report}");
                }
                other => panic!("{name} does not panic: {other:?}"),
            }
        }
        mend(&sql, broken).await;
        works(&function, name).await;
        assert_eq!((function.pid(), function.exit_status()), (pid, None), "{name}");
        function.close().await;
    }
}

/// Lambda tells a function what it is called; another server of the Runtime API need not.
#[tokio::test]
async fn a_server_need_not_describe_the_function() {
    let world = World::open().await;
    for name in FUNCTIONS {
        let nothing = [
            ("AWS_LAMBDA_FUNCTION_NAME", ""),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", ""),
            ("AWS_LAMBDA_FUNCTION_VERSION", ""),
        ];
        let function = world.start_with(name, &nothing).await;
        works(&function, name).await;
        function.close().await;
    }
}

#[tokio::test]
async fn sigterm_ends_it_idle_or_after_an_event() {
    let world = World::open().await;
    for name in FUNCTIONS {
        let idle = world.start(name).await;
        idle.terminate();
        idle.wait().await;
        let used = world.start(name).await;
        works(&used, name).await;
        used.terminate();
        used.wait().await;
        assert!(!used.logs().contains("panicked"), "{name}: {}", used.logs());
    }
}
