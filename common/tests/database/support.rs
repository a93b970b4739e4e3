//! A migrated database.

use common::config::Settings;
use migrator::Migrator;
use testkit::postgres::TestDatabase;
use tokio_postgres::{Client, SimpleQueryMessage};

/// The function that the deploy invokes.
pub fn migrator(url: &str) -> Migrator {
    Migrator::from_settings(&Settings::of(&[("DATABASE_URL", url)])).expect("it is a Postgres URL")
}

pub async fn database() -> TestDatabase {
    TestDatabase::create(async |url: &str| migrator(url).run().await.map(|_| ())).await
}

/// Rows as texts, `-` for null.
pub async fn rows(sql: &Client, query: &str) -> Vec<String> {
    let messages = sql
        .simple_query(query)
        .await
        .unwrap_or_else(|error| panic!("{query}: {error:?}"));
    let row = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => Some(
            (0..row.len())
                .map(|column| row.get(column).unwrap_or("-"))
                .collect::<Vec<_>>()
                .join(" | "),
        ),
        _ => None,
    };
    messages.iter().filter_map(row).collect()
}
