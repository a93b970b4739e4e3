//! What the fuzzer and the short run begin with: everything in the repository that looks like what a stranger sends. Made by code, so
//! that it grows with the fixtures; the small files of `devstack/fuzz/seeds` are what no fixture has, and what the fuzzer once found.

use crate::hostile;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use common::webhook::Form;
use serde_json::Value;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};

/// Longer ones keep the fuzzer from trying many.
const SEED_MAX: usize = 16 * 1024;

const VECTORS: &str = include_str!("../../../common/fixtures/signature_vectors.json");

/// The seeds of a target.
///
/// # Errors
/// When a file of the repository cannot be read.
pub fn of(target: &str) -> Result<Vec<Vec<u8>>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    for file in files(&root.join("devstack/fuzz/seeds").join(target))? {
        seeds.push(std::fs::read(file)?);
    }
    let vectors: Value = serde_json::from_str(VECTORS)?;
    let mut bodies = bodies(&root.join("events"))?;
    bodies.extend(requests(&vectors).filter_map(|vector| text(&vector["raw_body"])));
    match target {
        "signature" => seeds.extend(requests(&vectors).map(signed)),
        "form" | "event" => {
            let is_json = |body: &[u8]| body.first().is_some_and(|first| b"{[".contains(first));
            seeds.extend(
                bodies
                    .into_iter()
                    .filter(|body| is_json(body) == (target == "event")),
            );
        }
        _ => {
            let forms = bodies.iter().filter_map(|body| Form::parse(body));
            seeds.extend(forms.flat_map(|form| {
                form.fields()
                    .iter()
                    .map(|(_, value)| value.clone())
                    .collect::<Vec<_>>()
            }));
        }
    }
    seeds.extend(hostile::values().into_iter().map(|(_, value)| value));
    seeds.extend(hostile::documents().into_iter().map(|(_, body)| body));
    seeds.extend(hostile::forms().into_iter().map(|(_, body)| body));
    seeds.retain(|seed| seed.len() <= SEED_MAX);
    seeds.sort();
    seeds.dedup();
    Ok(seeds)
}

/// Writes the seeds of every target as files, where the fuzzer keeps its corpus; gives how many there are.
///
/// # Errors
/// When they cannot be written.
pub fn write(corpus: &Path) -> Result<usize> {
    let mut count = 0;
    for (target, _) in crate::target::ALL {
        let directory = corpus.join(target);
        std::fs::create_dir_all(&directory)?;
        for (at, seed) in of(target)?.iter().enumerate() {
            std::fs::write(directory.join(format!("seed-{at:03}")), seed)?;
            count += 1;
        }
    }
    Ok(count)
}

/// The files below a directory, in order.
fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let named = |error: Error| Error::new(error.kind(), format!("{}: {error}", directory.display()));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(named)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(self::files(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The bodies of the requests and queue records in `events/`.
fn bodies(events: &Path) -> Result<Vec<Vec<u8>>> {
    let mut bodies = Vec::new();
    for file in files(events)? {
        let event: Value = serde_json::from_slice(&std::fs::read(file)?)?;
        let body = text(&event["body"]);
        bodies.extend(match event["isBase64Encoded"].as_bool() {
            Some(true) => body.and_then(|body| BASE64.decode(body).ok()),
            _ => body,
        });
        let records = event["Records"].as_array();
        bodies.extend(
            records
                .into_iter()
                .flatten()
                .filter_map(|record| text(&record["body"])),
        );
    }
    Ok(bodies)
}

fn requests(vectors: &Value) -> impl Iterator<Item = &Value> {
    ["vectors", "negative"]
        .into_iter()
        .filter_map(|list| vectors[list].as_array())
        .flatten()
}

/// As [`crate::target::signature`] reads it.
fn signed(vector: &Value) -> Vec<u8> {
    let field = |names: &[&str]| names.iter().find_map(|name| vector[name].as_str()).unwrap_or("");
    let claim = field(&["expected_signature", "signature"]);
    format!("{claim}\n{}\n{}", field(&["url"]), field(&["raw_body"])).into_bytes()
}

fn text(value: &Value) -> Option<Vec<u8>> {
    value.as_str().map(|text| text.as_bytes().to_vec())
}
