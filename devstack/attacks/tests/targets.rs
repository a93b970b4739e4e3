//! The short run of the fuzz targets: the committed corpus, what the fuzzer found once, and mutations of both. Runs on stable with
//! every `cargo test`; the long runs are those of `devstack/fuzz`.
#![allow(clippy::unwrap_used, reason = "a test may stop where it is")]

use attacks::hostile;
use attacks::target::ALL;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::path::Path;

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/seeds")
        .join(name);
    let mut files: Vec<_> = std::fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    files.extend(hostile::values().into_iter().map(|(_, value)| value));
    files.extend(hostile::documents().into_iter().map(|(_, body)| body));
    files.extend(hostile::forms().into_iter().map(|(_, body)| body));
    files
}

fn mutated(corpus: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let pieces = corpus.clone();
    let change = (
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        any::<u8>(),
        0..6_u8,
    );
    (prop::sample::select(corpus), prop::collection::vec(change, 0..8)).prop_map(
        move |(mut bytes, changes)| {
            bytes.truncate(4096);
            for (at, other, byte, kind) in changes {
                if bytes.is_empty() {
                    bytes.push(byte);
                }
                let place = at.index(bytes.len());
                match kind {
                    0 => bytes[place] = byte,
                    1 => bytes.insert(place, byte),
                    2 => drop(bytes.remove(place)),
                    3 => bytes.truncate(place),
                    4 => bytes[place] ^= 1 << (byte % 8),
                    _ => {
                        let piece = &pieces[other.index(pieces.len())];
                        let piece = piece[..piece.len().min(200)].to_vec();
                        bytes.splice(place..place, piece);
                    }
                }
            }
            bytes
        },
    )
}

#[test]
fn every_target_takes_its_corpus_and_mutations_of_it() {
    for (name, target) in ALL {
        let corpus = corpus(name);
        for bytes in &corpus {
            target(bytes);
        }
        let mut runner = TestRunner::new(Config {
            cases: 1500,
            failure_persistence: None,
            ..Config::default()
        });
        let result = runner.run(&mutated(corpus), |bytes| {
            target(&bytes);
            Ok(())
        });
        if let Err(error) = result {
            panic!("{name}: {error}");
        }
    }
}

#[test]
fn every_target_has_its_fuzz_program() {
    let manifest = include_str!("../../fuzz/Cargo.toml");
    for (name, _) in ALL {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../fuzz/fuzz_targets/{name}.rs"));
        let text = std::fs::read_to_string(&program).unwrap();
        assert!(text.contains(&format!("attacks::target::{name}(data)")), "{name}");
    }
}
