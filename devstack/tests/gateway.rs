//! Gateway and queue behave as the services that they stand for.

use std::time::Duration;

use devstack::fixture::migrate;
use devstack::http;
use devstack::stack::{Error, Options, Ports, Stack, Work};
use serde_json::json;
use testkit::postgres::TestDatabase;

async fn stack(database: &TestDatabase) -> Stack {
    let options = Options {
        redelivery_delay: Duration::from_millis(5),
        ..Options::on(database)
    };
    Stack::start(options).await.expect("the stack starts")
}

#[tokio::test]
async fn what_has_no_route_or_is_too_long_never_reaches_a_function() {
    let database = TestDatabase::create(migrate).await;
    let stack = stack(&database).await;
    let gateway = &stack.urls().gateway;
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/api/communications"),
        ("POST", "/api/webhooks/signalwire/fallback/status"),
        ("POST", "/api/openapi.json"),
    ] {
        let answer = http::request(method, &format!("{gateway}{path}"), &[], "")
            .await
            .unwrap();
        assert_eq!(answer.status, 404, "{method} {path}");
        assert_eq!(answer.json(), json!({ "message": "Not Found" }));
    }
    let url = format!("{gateway}/api/webhooks/signalwire/sms");
    let answer = http::request("POST", &url, &[], vec![b'x'; 10 * 1024 * 1024 + 1])
        .await
        .unwrap();
    assert_eq!(
        (answer.status, answer.json()),
        (413, json!({ "message": "Request Entity Too Large" }))
    );
    // shorter than what the gateway takes, longer than what the function does
    let answer = http::request("POST", &url, &[], vec![b'x'; 65 * 1024])
        .await
        .unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (413, ""));
    let unsigned = http::request("POST", &format!("{gateway}/api/webhooks/clerk"), &[], "{}")
        .await
        .unwrap();
    assert_eq!(
        (unsigned.status, unsigned.json()["code"].clone()),
        (401, json!("unauthorized"))
    );
    let nobody = http::request("POST", &format!("{gateway}/api/communications"), &[], "{}")
        .await
        .unwrap();
    assert_eq!(
        (nobody.status, nobody.json()["code"].clone()),
        (401, json!("unauthorized"))
    );
    stack.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_failing_message_comes_again_and_dies_alone() {
    let database = TestDatabase::create(migrate).await;
    let stack = stack(&database).await;
    let sql = stack.inspect().await.unwrap();
    sql.batch_execute(
        "create sequence tries;
         grant usage on sequence tries to public;
         create function fail() returns trigger language plpgsql as
             $$ begin perform nextval('tries'); raise exception 'busy' using errcode = '55P03'; end $$;
         create trigger fail before insert on workspaces for each row when (new.name = 'Broken') execute function fail();",
    )
    .await
    .unwrap();
    let event = |name: &str, id: u128| {
        json!({
            "id": name, "type": "workspace.created",
            "workspace": { "id": uuid::Uuid::from_u128(id), "name": name, "subscriptionTier": "starter" },
        })
    };
    let broken = stack.put_event(&event("Broken", 1));
    stack.put_event(&event("Whole", 2));
    // what no retry cures is parked by the function, and is no dead letter
    stack.put_event(&json!({ "type": "workspace.exploded" }));
    stack.settle().await;
    let dead = stack.dead_letters();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].id, broken);
    let count = async |sql_text: &str| -> i64 { sql.query_one(sql_text, &[]).await.unwrap().get(0) };
    assert_eq!(
        count("select last_value from tries").await,
        i64::from(Work::Provisioning.receives_max())
    );
    assert_eq!(
        count("select count(*) from workspaces where name = 'Whole'").await,
        1
    );
    assert_eq!(count("select count(*) from parked_events").await, 1);
    let shown = http::request("GET", &format!("{}/_queue", stack.urls().queue), &[], "")
        .await
        .unwrap();
    let shown = shown.json();
    let [provisioning, spool] = shown["queues"].as_array().map_or(&[][..], Vec::as_slice) else {
        panic!("{shown}");
    };
    assert_eq!(provisioning["function"], "provision-trigger");
    assert_eq!(provisioning["deadLetters"][0]["messageId"], json!(broken));
    assert_eq!(provisioning["pending"], 0);
    assert_eq!(
        (&spool["function"], &spool["deadLetters"]),
        (&json!("spool-replay"), &json!([]))
    );
    stack.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_the_flag() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    for (part, ports) in [
        (
            "the gateway",
            Ports {
                gateway: port,
                ..Ports::default()
            },
        ),
        (
            "the simulated carrier",
            Ports {
                simulator: port,
                ..Ports::default()
            },
        ),
        (
            "the queues",
            Ports {
                queue: port,
                ..Ports::default()
            },
        ),
        (
            "the issuer of tokens",
            Ports {
                issuer: port,
                ..Ports::default()
            },
        ),
    ] {
        let options = Options {
            ports,
            ..Options::default()
        };
        let Err(error) = Stack::start(options).await else {
            panic!("{part} starts on a taken port")
        };
        assert!(matches!(error, Error::PortTaken { port: named, part: of } if named == port && of == part));
        assert!(error.to_string().contains("--port"), "{error}");
    }
}

#[tokio::test]
async fn the_second_path_needs_no_postgres_and_stores_once() {
    let database = TestDatabase::create(migrate).await;
    let stack = stack(&database).await;
    let sql = stack.inspect().await.unwrap();
    let number = "+14055551234";
    let workspace: uuid::Uuid = sql
        .query_one("insert into workspaces (name) values ('Acme') returning id", &[])
        .await
        .unwrap()
        .get(0);
    stack.lend_number(workspace, number).await.unwrap();
    stack.take_database_away(true).await.unwrap();
    let post = async |path: &str, form: &[(&str, &str)]| {
        let url = format!("{}/api/webhooks/signalwire/fallback/{path}", stack.urls().gateway);
        let exchange = stack
            .simulator()
            .send_webhook(&url, form.iter().map(|(name, value)| (*name, *value)))
            .await;
        (exchange.status, exchange.body)
    };
    let sms = [
        ("MessageSid", "SM-1"),
        ("From", "+14155550101"),
        ("To", number),
        ("Body", "Hello?"),
    ];
    let call = [
        ("CallSid", "CA-1"),
        ("From", "+14155550101"),
        ("To", number),
        ("CallStatus", "ringing"),
        ("Direction", "inbound"),
    ];
    for _ in 0..2 {
        assert_eq!(post("sms", &sms).await, (Some(200), "<Response/>".to_owned()));
        let (status, document) = post("voice", &call).await;
        assert_eq!(status, Some(200));
        assert!(document.contains("<Record"), "{document}");
    }
    assert_eq!(stack.pending(Work::Spool), 4);
    stack.take_database_away(false).await.unwrap();
    stack.settle().await;
    let stored = sql
        .query("select external_id from conversation_messages order by 1", &[])
        .await
        .unwrap();
    let stored: Vec<&str> = stored.iter().map(|row| row.get(0)).collect();
    assert_eq!(stored, ["CA-1", "SM-1"]);
    assert_eq!(stack.dead_letters(), []);
    stack.shutdown().await.unwrap();
}

#[tokio::test]
async fn the_reconciler_runs_on_demand() {
    let database = TestDatabase::create(migrate).await;
    let stack = stack(&database).await;
    let run = async |rule: &str| {
        let url = format!("{}/_schedule/{rule}", stack.urls().queue);
        let answer = http::request("POST", &url, &[], "").await.unwrap();
        (answer.status, answer.json())
    };
    for rule in ["five-minutes", "nightly"] {
        let (status, report) = run(rule).await;
        assert_eq!(
            (status, &report["problems"]),
            (200, &json!([])),
            "{rule}: {report}"
        );
    }
    let sql = stack.inspect().await.unwrap();
    let rows = sql
        .query(
            "select schedule from reconciler_runs where finished_at is not null order by started_at",
            &[],
        )
        .await
        .unwrap();
    let schedules: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(schedules, ["five-minutes", "nightly"]);
    assert_eq!(run("hourly").await.0, 404);
    stack.take_database_away(true).await.unwrap();
    let (status, why) = run("nightly").await;
    assert_eq!(status, 503, "{why}");
    stack.shutdown().await.unwrap();
}
