//! A misspelt column fails here, not in production.

use crate::support::database;
use common::store::STATEMENTS;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn files() -> BTreeMap<String, String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/sql");
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("it can be read").path();
        assert_eq!(
            path.extension().and_then(|end| end.to_str()),
            Some("sql"),
            "{}",
            path.display()
        );
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        (name, fs::read_to_string(&path).expect("it is a text"))
    };
    fs::read_dir(directory)
        .expect("the statements are there")
        .map(read)
        .collect()
}

#[test]
fn the_list_and_the_directory_hold_the_same() {
    let mut listed: Vec<&str> = STATEMENTS.to_vec();
    listed.sort_unstable();
    let files = files();
    let mut stored: Vec<&str> = files.values().map(String::as_str).collect();
    stored.sort_unstable();
    assert_eq!(listed, stored);
}

#[test]
fn each_begins_with_its_name() {
    for (name, text) in files() {
        let first = text.lines().next().unwrap_or_default();
        assert!(
            first.starts_with("-- store::") && first.ends_with(&format!("::{name}")),
            "{name}.sql begins with {first:?}"
        );
    }
}

#[tokio::test]
async fn each_can_be_prepared() {
    let database = database().await;
    let sql = database.client().await;
    for (name, text) in files() {
        sql.prepare(&text)
            .await
            .unwrap_or_else(|error| panic!("{name}.sql: {error:?}"));
    }
    for text in STATEMENTS {
        sql.prepare(text)
            .await
            .unwrap_or_else(|error| panic!("{text}: {error:?}"));
    }
}

/// plpgsql reads a body only when it runs, so a function that nobody calls could say anything.
#[tokio::test]
async fn every_function_of_ours_has_a_caller_or_is_called_by_one() {
    let database = database().await;
    let sql = database.client().await;
    let functions = "select p.proname, p.prosrc from pg_proc p join pg_namespace n on n.oid = p.pronamespace
                     where n.nspname = 'public' and p.prokind = 'f' order by 1";
    let functions: Vec<(String, String)> = sql
        .query(functions, &[])
        .await
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    assert!(functions.len() > 20);
    let generated = "select string_agg(pg_get_expr(adbin, adrelid), ' ') from pg_attrdef";
    let defaults: String = sql.query_one(generated, &[]).await.unwrap().get(0);
    let triggered = "select string_agg(pg_get_triggerdef(oid), ' ') from pg_trigger where not tgisinternal";
    let triggers: String = sql.query_one(triggered, &[]).await.unwrap().get(0);
    for (name, _) in &functions {
        let called = |text: &str| text.contains(&format!("{name}("));
        let somewhere = STATEMENTS.iter().any(|text| called(text))
            || called(&defaults)
            || called(&triggers)
            || functions
                .iter()
                .any(|(other, source)| other != name && called(source));
        assert!(somewhere, "nobody calls {name}()");
    }
}
