//! One round trip, and what happens when Postgres is away.

use crate::support::{CUSTOMER, Desk, EMPTY, NUMBER, PATH, WHATSAPP_PATH, sms};
use devstack::fixture::PLATFORM_NUMBER;
use std::time::{Duration, Instant};
use testkit::proxy::Direction;

/// The carrier gives up at 5 s.
const ANSWER_MAX: Duration = Duration::from_millis(4500);

#[tokio::test]
async fn a_warm_webhook_is_one_round_trip() {
    let (desk, proxy) = Desk::open_behind_proxy().await;
    desk.text("SM0", "warms the connection").await;
    let webhooks = [
        ("a message", PATH, sms("SM1", CUSTOMER, NUMBER, "hello")),
        ("its repeat", PATH, sms("SM1", CUSTOMER, NUMBER, "hello")),
        (
            "a new customer",
            PATH,
            sms("SM2", "+14155550102", NUMBER, "hello"),
        ),
        ("a keyword", PATH, sms("SM3", CUSTOMER, NUMBER, "STOP")),
        ("its repeat", PATH, sms("SM3", CUSTOMER, NUMBER, "STOP")),
        ("WhatsApp", WHATSAPP_PATH, sms("SM4", CUSTOMER, NUMBER, "hello")),
        (
            "nobody's number",
            PATH,
            sms("SM5", CUSTOMER, "+14055559999", "hello"),
        ),
        (
            "the platform number",
            PATH,
            sms("SM6", CUSTOMER, PLATFORM_NUMBER, "hello"),
        ),
    ];
    for (name, path, fields) in webhooks {
        proxy.reset_counts();
        desk.send_to(path, &fields).await;
        let counts = proxy.counts();
        assert_eq!(
            (counts.flights, counts.statements, counts.connections),
            (1, 1, 0),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_connection_that_died_unseen_costs_no_request() {
    let (desk, proxy) = Desk::open_behind_proxy().await;
    for round in 0..3 {
        assert_eq!(desk.text(&format!("SM{round}"), "hello").await, EMPTY);
        proxy.reset_all();
    }
    assert_eq!(desk.fixture.count("conversation_messages").await, 3);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_asked_for_again() {
    let (desk, proxy) = Desk::open_behind_proxy().await;
    desk.text("SM1", "hello").await;
    proxy.cut_after(0, Direction::ToClient); // stored, and the function is not told
    let answer = desk.text("SM2", "STOP").await;
    assert!(answer.contains("unsubscribed"), "{answer}");
    assert_eq!(desk.fixture.row("conversations").await["message_count"], 2);
    assert_eq!(desk.fixture.count("opt_out_changes").await, 1);
}

#[tokio::test]
async fn without_postgres_it_is_a_503_and_with_it_again_a_200() {
    let (desk, proxy) = Desk::open_behind_proxy().await;
    let webhook = |sid: &str| desk.fixture.webhook(PATH, &sms(sid, CUSTOMER, NUMBER, "hello"));
    // from the start
    proxy.refuse(true).await.unwrap();
    assert_eq!(desk.status(webhook("SM1")).await, 503);
    proxy.refuse(false).await.unwrap();
    assert_eq!(desk.status(webhook("SM1")).await, 200);
    // and under a warm connection
    proxy.refuse(true).await.unwrap();
    proxy.reset_all();
    let started = Instant::now();
    assert_eq!(desk.status(webhook("SM2")).await, 503);
    assert!(started.elapsed() < ANSWER_MAX);
    // a refusal needs no database
    let unsigned = devstack::fixture::request(testkit::runtime_api::http_event(
        "POST",
        PATH,
        "",
        &[],
        b"MessageSid=SM2",
    ));
    assert_eq!(desk.status(unsigned).await, 403);
    proxy.refuse(false).await.unwrap();
    assert_eq!(desk.status(webhook("SM2")).await, 200);
    assert_eq!(desk.fixture.count("conversation_messages").await, 2);
}

#[tokio::test]
async fn a_postgres_that_says_nothing_is_a_503_in_time() {
    let (desk, proxy) = Desk::open_behind_proxy().await;
    desk.text("SM1", "hello").await;
    proxy.black_hole(true);
    let started = Instant::now();
    assert_eq!(
        desk.status(desk.fixture.webhook(PATH, &sms("SM2", CUSTOMER, NUMBER, "hello")))
            .await,
        503
    );
    assert!(started.elapsed() < ANSWER_MAX, "{:?}", started.elapsed());
    proxy.black_hole(false);
    // the carrier comes again; what the first try sent may arrive as well
    assert_eq!(desk.text("SM2", "hello").await, EMPTY);
    assert_eq!(
        desk.fixture
            .count("conversation_messages where external_id = 'SM2'")
            .await,
        1
    );
    assert_eq!(desk.fixture.row("conversations").await["message_count"], 2);
}

#[tokio::test]
async fn a_slow_postgres_is_waited_for() {
    let (desk, proxy) = Desk::open_behind_proxy().await;
    desk.text("SM1", "hello").await;
    proxy.delay(Duration::from_millis(300));
    let started = Instant::now();
    assert_eq!(desk.text("SM2", "hello").await, EMPTY);
    assert!(started.elapsed() < ANSWER_MAX);
}
