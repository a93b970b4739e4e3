//! Forwards on an empty database, and again without effect.

use crate::support::{migrator, rows};
use testkit::postgres::Server;
use tokio_postgres::NoTls;

/// Calls `test` with a database that nothing has run on.
async fn on_an_empty_database(test: impl AsyncFn(&str)) {
    let server = Server::shared().await;
    let name = format!("empty_{}", uuid::Uuid::now_v7().simple());
    server.create_database(&name).await.expect("the name is new");
    test(&server.url(&name)).await;
    server.drop_database(&name).await.expect("nobody uses it");
}

async fn history(url: &str) -> Vec<String> {
    let (sql, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("the database is there");
    let driver = tokio::spawn(connection);
    let rows = rows(
        &sql,
        "select version, name from refinery_schema_history order by version",
    )
    .await;
    drop(sql);
    let _ = driver.await;
    rows
}

#[tokio::test]
async fn a_second_run_applies_nothing() {
    on_an_empty_database(async |url| {
        let first = migrator(url).run().await.expect("it migrates");
        let applied = first["applied"].as_array().map_or(0, Vec::len);
        assert!(
            first["version"].as_u64() >= Some(applied as u64),
            "numbers may be left out"
        );
        let before = history(url).await;
        assert_eq!(before.len(), applied);
        let second = migrator(url).run().await.expect("it has nothing to do");
        assert_eq!(second["applied"].as_array().map(Vec::len), Some(0));
        assert_eq!(second["version"], first["version"]);
        assert_eq!(history(url).await, before);
    })
    .await;
}

#[tokio::test]
async fn runs_at_once_follow_each_other() {
    on_an_empty_database(async |url| {
        let (one, other, third) = (migrator(url), migrator(url), migrator(url));
        let (one, other, third) = tokio::join!(one.run(), other.run(), third.run());
        let mut applied = [one, other, third].map(|run| {
            run.expect("it migrates")["applied"]
                .as_array()
                .map_or(0, Vec::len)
        });
        applied.sort_unstable();
        let all = history(url).await.len();
        assert_eq!(applied, [0, 0, all]);
        assert!(all >= 9);
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_not_there_is_an_error_without_a_password() {
    let url = Server::shared().await.url("no_such_database");
    let error = migrator(&url).run().await.unwrap_err().to_string();
    assert!(error.contains("3D000") && !error.contains("password"), "{error}");
}
