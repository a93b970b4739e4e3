//! The proxy in front of a real Postgres.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

use std::time::Duration;

use testkit::postgres::{Server, TestDatabase};
use testkit::proxy::{Direction, Proxy};
use tokio::time::timeout;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, NoTls};

async fn set_up() -> (TestDatabase, Proxy, String) {
    let database = TestDatabase::create(async |_: &str| Ok::<_, Error>(())).await;
    let proxy = Proxy::start(&Server::shared().await.url("postgres")).unwrap();
    let url = proxy.url(database.url());
    (database, proxy, url)
}

async fn connect(url: &str) -> Result<Client, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

#[tokio::test]
async fn round_trips_are_counted() {
    let (_database, proxy, url) = set_up().await;
    let mut client = connect(&url).await.unwrap();
    assert_eq!(
        (proxy.counts().connections, proxy.counts().flights),
        (1, 0),
        "start-up is no flight"
    );

    proxy.reset_counts();
    client
        .query_typed("SELECT $1 + 1", &[(&1i32, Type::INT4)])
        .await
        .unwrap();
    assert_eq!((proxy.counts().flights, proxy.counts().statements), (1, 1));

    proxy.reset_counts();
    client.query("SELECT $1::int4 + 1", &[&1i32]).await.unwrap();
    assert_eq!(proxy.counts().flights, 2, "prepare and run");

    proxy.reset_counts();
    let transaction = client.transaction().await.unwrap();
    transaction.query_typed("SELECT 1", &[]).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(proxy.counts().flights, 3, "begin, statement, commit");
    assert_eq!(proxy.counts().connections, 0);
    assert!(proxy.counts().bytes_to_server > 0 && proxy.counts().bytes_to_client > 0);
}

#[tokio::test]
async fn an_answer_can_be_lost_after_its_effect() {
    let (database, proxy, url) = set_up().await;
    let client = connect(&url).await.unwrap();
    client.batch_execute("CREATE TABLE t (n int)").await.unwrap();
    proxy.cut_after(0, Direction::ToClient);
    assert!(client.batch_execute("INSERT INTO t VALUES (1)").await.is_err());
    let direct = database.client().await;
    let count: i64 = direct
        .query_one("SELECT count(*) FROM t", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(count, 1);
    let again = connect(&url).await.expect("the cut happens once");

    proxy.cut_after(3, Direction::ToServer);
    assert!(again.batch_execute("INSERT INTO t VALUES (2)").await.is_err());
    let count: i64 = direct
        .query_one("SELECT count(*) FROM t", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(count, 1, "a request that was cut had no effect");
}

#[tokio::test]
async fn a_black_hole_tells_nobody_and_ends() {
    let (_database, proxy, url) = set_up().await;
    let client = connect(&url).await.unwrap();
    proxy.black_hole(true);
    let mut query = Box::pin(client.batch_execute("SELECT 1"));
    assert!(timeout(Duration::from_millis(100), &mut query).await.is_err());
    assert!(
        timeout(Duration::from_millis(100), connect(&url)).await.is_err(),
        "start-up hangs too"
    );
    proxy.black_hole(false);
    query.await.expect("what was held back arrives");
}

#[tokio::test]
async fn resets_and_refusals_are_seen_and_end() {
    let (_database, proxy, url) = set_up().await;
    let client = connect(&url).await.unwrap();
    proxy.refuse(true).await.unwrap();
    assert!(connect(&url).await.is_err());
    client
        .batch_execute("SELECT 1")
        .await
        .expect("an open connection goes on");
    proxy.refuse(false).await.unwrap();
    let second = connect(&url).await.unwrap();
    proxy.reset_all();
    assert!(client.batch_execute("SELECT 1").await.is_err());
    assert!(second.batch_execute("SELECT 1").await.is_err());
    connect(&url).await.unwrap();
}

#[tokio::test]
async fn a_delay_is_added_each_way() {
    let (_database, proxy, url) = set_up().await;
    let client = connect(&url).await.unwrap();
    proxy.delay(Duration::from_millis(40));
    let started = std::time::Instant::now();
    client.batch_execute("SELECT 1").await.unwrap();
    assert!(
        started.elapsed() >= Duration::from_millis(80),
        "a lower bound holds on any machine"
    );
}
