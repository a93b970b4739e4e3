//! The releases before go on working on the newest schema: each serves while the next one comes in, and again after a rollback.
//!
//! A release is recorded (`cargo xtask record-release`) as its statements with the types that go in and come out, and the hashes of its
//! migrations. Here every recorded statement is prepared against the newest schema and has to have the same types, and no recorded
//! migration may have been edited: the migrator would refuse it where it has run. What functions do inside is the business of the other
//! tests: they are the schema's, and the schema is the newest.

use crate::support::{database, migrator};
use common::store::STATEMENTS;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tokio_postgres::Client;

/// Set by `cargo xtask record-release` to the release's number.
const RECORD: &str = "RINGSPACE_RECORD_RELEASE";

/// A release, as it is kept.
#[derive(Serialize, Deserialize)]
struct Release {
    /// SHA-256 by file name.
    migrations: BTreeMap<String, String>,
    /// Each with its parameters and columns.
    statements: Vec<Value>,
}

fn migrations() -> BTreeMap<String, String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    fs::read_dir(directory)
        .expect("they are there")
        .map(|entry| entry.expect("it can be read").path())
        .map(|path| {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            (
                name,
                hex::encode(Sha256::digest(fs::read(&path).expect("it can be read"))),
            )
        })
        .collect()
}

/// The recorded migrations that are not what they were.
fn edited<'a>(recorded: &'a BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<&'a str> {
    let changed = recorded
        .iter()
        .filter(|(name, hash)| now.get(*name) != Some(*hash));
    changed.map(|(name, _)| name.as_str()).collect()
}

#[test]
fn an_edited_migration_is_named_and_a_new_one_is_none() {
    let recorded = migrations();
    let mut now = recorded.clone();
    now.insert("V9999__later.sql".to_owned(), "1".to_owned());
    assert_eq!(edited(&recorded, &now), Vec::<&str>::new());
    let first = now.first_entry().expect("there is one").key().clone();
    now.insert(first.clone(), "2".to_owned());
    assert_eq!(edited(&recorded, &now), [first.as_str()]);
    now.remove(&first);
    assert_eq!(edited(&recorded, &now), [first.as_str()]);
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/database/releases")
}

/// The recorded releases. There are none, and no directory for them, before the first.
fn recorded() -> BTreeMap<String, PathBuf> {
    let Ok(entries) = fs::read_dir(directory()) else {
        return BTreeMap::new();
    };
    entries
        .map(|entry| entry.expect("it can be read").path())
        .map(|path| {
            let version = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            (version, path)
        })
        .collect()
}

/// The numbers of the changelog's sections, `## 1.2.3` or `## [1.2.3] - 2026-01-31`, sorted as [`recorded`] is.
fn released(changelog: &str) -> Vec<&str> {
    let mut released: Vec<&str> = changelog
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .filter_map(|title| title.split_whitespace().next())
        .map(|version| version.trim_matches(['[', ']']))
        .filter(|version| version.starts_with(|c: char| c.is_ascii_digit()))
        .collect();
    released.sort_unstable();
    released
}

#[test]
fn the_changelog_names_the_releases() {
    let changelog = "# Changelog\n\n## Unreleased\n\n## [0.10.0] - 2026-12-01\n\n### Deployment\n\n## 0.2.0 - 2026-11-30\n\n## 0.1.0\n";
    assert_eq!(released(changelog), ["0.1.0", "0.10.0", "0.2.0"]);
}

async fn described(sql: &Client, statement: &str) -> Result<Value, String> {
    let prepared = sql.prepare(statement).await.map_err(|error| {
        error
            .as_db_error()
            .map_or_else(|| error.to_string(), |db| db.message().to_owned())
    })?;
    let parameters: Vec<&str> = prepared
        .params()
        .iter()
        .map(tokio_postgres::types::Type::name)
        .collect();
    let columns: Vec<Value> = prepared
        .columns()
        .iter()
        .map(|column| json!([column.name(), column.type_().name()]))
        .collect();
    Ok(json!({ "statement": statement, "parameters": parameters, "columns": columns }))
}

async fn record(sql: &Client) -> Vec<Value> {
    let mut release = Vec::new();
    for statement in STATEMENTS {
        release.push(described(sql, statement).await.expect("it can be prepared"));
    }
    release
}

/// What a release could not do on this schema.
async fn broken(sql: &Client, release: &[Value]) -> Vec<String> {
    let mut broken = Vec::new();
    for recorded in release {
        let statement = recorded["statement"].as_str().unwrap_or_default();
        let name = statement.lines().next().unwrap_or_default();
        match described(sql, statement).await {
            Ok(now) if now == *recorded => {}
            Ok(now) => broken.push(format!("{name}: was {recorded}, is {now}")),
            Err(why) => broken.push(format!("{name}: {why}")),
        }
    }
    broken
}

#[tokio::test]
async fn every_release_works_on_the_newest_schema() {
    let database = database().await;
    let sql = database.client().await;
    if let Ok(version) = std::env::var(RECORD) {
        let release = Release {
            migrations: migrations(),
            statements: record(&sql).await,
        };
        let text = serde_json::to_string_pretty(&release).expect("it is JSON");
        fs::create_dir_all(directory()).expect("there is a place for it");
        fs::write(directory().join(format!("{version}.json")), text + "\n").expect("it can be written");
    }
    let recorded = recorded();
    let known: Vec<&str> = recorded.keys().map(String::as_str).collect();
    let changelog = include_str!("../../../CHANGELOG.md");
    assert_eq!(
        known,
        released(changelog),
        "what CHANGELOG.md calls released is recorded, and nothing else (`cargo xtask record-release`)"
    );
    for path in recorded.values() {
        let text = fs::read_to_string(path).expect("it is a text");
        let release: Release = serde_json::from_str(&text).expect("it is a record");
        assert_eq!(
            edited(&release.migrations, &migrations()),
            Vec::<&str>::new(),
            "a migration that was released is not edited: write another one"
        );
        let broken = broken(&sql, &release.statements).await;
        assert!(
            broken.is_empty(),
            "{} would break:\n{}",
            path.display(),
            broken.join("\n")
        );
    }
}

/// A rollback deploys the release before, migrator and all, on a schema that has gone on.
#[tokio::test]
async fn the_migrator_of_an_older_release_lets_the_schema_be() {
    let database = database().await;
    let sql = database.client().await;
    sql.batch_execute(
        "insert into refinery_schema_history (version, name, applied_on, checksum) values (9999, 'later', '2030-01-01T00:00:00Z', '1')",
    )
    .await
    .expect("the history is a table");
    let ran = migrator(database.url())
        .run()
        .await
        .expect("it has nothing to do");
    assert_eq!(ran["applied"], json!([]));
}

/// The check itself: it lets pass what adds, and holds what takes away or changes.
#[tokio::test]
async fn expanding_keeps_a_release_and_contracting_breaks_it() {
    let database = database().await;
    let sql = database.client().await;
    // as a migration does that replaces functions
    sql.batch_execute("call open_functions()")
        .await
        .expect("the owner may");
    let release = record(&sql).await;
    assert_eq!(release.len(), STATEMENTS.len());
    let change = async |migration: &str| {
        sql.batch_execute(migration).await.expect("it is SQL");
        broken(&sql, &release).await
    };
    let expand = "alter table reconciler_runs add column host text;
                  create function platform_figures(p_day date) returns jsonb language sql as 'select null::jsonb';
                  create table new_things (id uuid primary key);";
    assert_eq!(change(expand).await, Vec::<String>::new());

    for (contract, undo, names) in [
        (
            "alter function begin_run(uuid, text) rename to start_run",
            "alter function start_run(uuid, text) rename to begin_run",
            "begin_run",
        ),
        (
            "alter function platform_figures() rename to figures",
            "alter function figures() rename to platform_figures",
            "platform_figures",
        ),
    ] {
        let broken = change(contract).await;
        assert!(broken.len() == 1 && broken[0].contains(names), "{broken:?}");
        assert_eq!(change(undo).await, Vec::<String>::new());
    }
    let retyped = "drop function platform_figures(); create function platform_figures() returns text language sql as 'select null::text'";
    let broken = change(retyped).await;
    assert!(
        broken.len() == 1 && broken[0].contains("\"jsonb\"") && broken[0].contains("\"text\""),
        "{broken:?}"
    );
}
