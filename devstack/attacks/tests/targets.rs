//! The short run of the fuzz targets: the committed corpus, what the fuzzer found once, and mutations of both. Runs on stable with
//! every `cargo test`; the long runs are those of `devstack/fuzz`.
#![allow(clippy::unwrap_used, reason = "a test may stop where it is")]

use attacks::seeds;
use attacks::target::ALL;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::path::Path;

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
        let corpus = seeds::of(name).unwrap();
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

#[test]
fn every_target_begins_with_what_the_fixtures_have() {
    let has = |name: &str, part: &str| {
        seeds::of(name)
            .unwrap()
            .iter()
            .any(|seed| String::from_utf8_lossy(seed).contains(part))
    };
    for (name, part) in [
        ("form", "MessageSid=SM123"),
        ("form", "TranscriptionText"),
        (
            "signature",
            "\nhttps://hooks.example.com/v1/sms/inbound\nMessageSid=",
        ),
        ("event", "\"workspace.created\""),
        ("event", "organization.created"),
        ("event", "receivedAt"),
        ("keyword", "Stop"),
        ("number", "+14155551234"),
        ("cxml", "</Message><Dial>"),
    ] {
        assert!(has(name, part), "{name}: {part}");
    }
}

#[test]
fn every_target_has_its_dictionary() {
    for (name, _) in ALL {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../fuzz/dictionaries/{name}"));
        let text = std::fs::read_to_string(&path).unwrap();
        let entries = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        for entry in entries {
            assert!(
                entry.starts_with('"') && entry.ends_with('"') && entry.len() > 2,
                "{name}: {entry}"
            );
        }
    }
}
