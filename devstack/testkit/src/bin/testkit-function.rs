//! The smallest Lambda function, on the standard library alone: what the tests of `runtime_api` start.
//!
//! The payload's field `do` chooses: `echo` (the default) answers with the payload, `fail` reports an error, `exit` ends
//! the process, `hang` never answers, `env` answers with the names of its variables.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

fn main() {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").expect("started by a Runtime API");
    if std::env::var_os("REFUSE_TO_START").is_some() {
        call(
            &api,
            "POST",
            "init/error",
            &json!({ "errorType": "Config", "errorMessage": "X is missing" }).to_string(),
        );
        std::process::exit(1);
    }
    loop {
        let (head, body) = call(&api, "GET", "invocation/next", "");
        let id = head
            .lines()
            .find_map(|line| line.strip_prefix("lambda-runtime-aws-request-id: "))
            .expect("every event has an id");
        let payload: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
        eprintln!("got {payload}");
        let (end, answer) = match payload["do"].as_str() {
            Some("fail") => (
                "error",
                json!({ "errorType": "Asked", "errorMessage": "asked to fail" }),
            ),
            Some("exit") => std::process::exit(7),
            Some("hang") => loop {
                std::thread::sleep(Duration::from_secs(60));
            },
            Some("env") => (
                "response",
                std::env::vars().map(|(name, _)| Value::from(name)).collect(),
            ),
            _ => ("response", payload),
        };
        call(
            &api,
            "POST",
            &format!("invocation/{id}/{end}"),
            &answer.to_string(),
        );
    }
}

fn call(api: &str, method: &str, path: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(api).expect("the Runtime API is there");
    let length = body.len();
    write!(
        stream,
        "{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nhost: {api}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .expect("the Runtime API reads");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("the Runtime API answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer has a head");
    (head.to_owned(), body.to_owned())
}
