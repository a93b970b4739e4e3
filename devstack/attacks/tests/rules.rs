//! Rules about the project itself: unsafe code, dependencies, and that `docs/SECURITY.md` tells the truth about its tests.
#![allow(clippy::unwrap_used, reason = "a test may stop where it is")]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

fn metadata() -> Value {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(root())
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--filter-platform",
            "x86_64-unknown-linux-gnu",
        ])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn every_package_forbids_unsafe_code() {
    let workspace = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(workspace.contains("[workspace.lints.rust]\nunsafe_code = \"forbid\""));
    let metadata = metadata();
    let members = metadata["workspace_members"].as_array().unwrap();
    let mut seen = 0;
    for package in metadata["packages"].as_array().unwrap() {
        if members.contains(&package["id"]) {
            seen += 1;
            let manifest = std::fs::read_to_string(package["manifest_path"].as_str().unwrap()).unwrap();
            assert!(
                manifest.contains("[lints]\nworkspace = true"),
                "{}",
                package["name"]
            );
        }
    }
    assert!(seen > 10, "{seen} packages");
}

/// `MIT OR (Apache-2.0 AND Zlib)`, also with the slash of older manifests.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    fn any(tokens: &mut std::iter::Peekable<std::vec::IntoIter<String>>, allowed: &[String]) -> bool {
        let mut result = all(tokens, allowed);
        while tokens.next_if(|token| token == "OR").is_some() {
            result |= all(tokens, allowed);
        }
        result
    }
    fn all(tokens: &mut std::iter::Peekable<std::vec::IntoIter<String>>, allowed: &[String]) -> bool {
        let mut result = one(tokens, allowed);
        while tokens.next_if(|token| token == "AND").is_some() {
            result &= one(tokens, allowed);
        }
        result
    }
    fn one(tokens: &mut std::iter::Peekable<std::vec::IntoIter<String>>, allowed: &[String]) -> bool {
        match tokens.next() {
            Some(open) if open == "(" => {
                let result = any(tokens, allowed);
                tokens.next();
                result
            }
            Some(mut licence) => {
                if tokens.next_if(|token| token == "WITH").is_some() {
                    licence = format!("{licence} WITH {}", tokens.next().unwrap_or_default());
                }
                allowed.contains(&licence)
            }
            None => false,
        }
    }
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let tokens: Vec<String> = spaced.split_whitespace().map(str::to_owned).collect();
    any(&mut tokens.into_iter().peekable(), allowed)
}

#[test]
fn dependencies_keep_to_deny_toml() {
    let deny = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    let (_, licences) = deny.split_once("[licenses]").unwrap();
    let (licences, _) = licences.split_once(']').unwrap();
    let allowed: Vec<String> = licences
        .lines()
        .filter_map(|line| Some(line.trim().strip_prefix('"')?.split_once('"')?.0.to_owned()))
        .collect();
    assert!(allowed.contains(&"MIT".to_owned()), "{allowed:?}");
    let mut once = Vec::new();
    let mut banned = Vec::new();
    for line in deny.lines() {
        if let Some(rest) = line.trim().strip_prefix("{ crate = \"") {
            let name = rest.split_once('"').unwrap().0.to_owned();
            if line.contains("deny-multiple-versions") {
                once.push(name);
            } else {
                banned.push(name);
            }
        }
    }
    assert!(once.len() > 5 && banned.len() > 3);
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(root())
        .args([
            "tree",
            "--workspace",
            "--locked",
            "--target",
            "x86_64-unknown-linux-gnu",
        ])
        .args(["--prefix", "none", "--format", "{p}|{l}"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in text.lines() {
        let Some((package, licence)) = line.split_once('|') else {
            continue;
        };
        let (name, rest) = package.split_once(' ').unwrap();
        let (version, source) = rest.split_once(' ').unwrap_or((rest, ""));
        let licence = licence.trim_end_matches(" (*)");
        versions.entry(name).or_default().insert(version);
        if source.starts_with("(/") {
            continue; // ours
        }
        assert!(!source.contains("://"), "{name} comes from {source}");
        assert!(is_allowed(licence, &allowed), "{name}: {licence}");
        assert!(!banned.contains(&name.to_owned()), "{name} is banned");
    }
    assert!(versions.len() > 100, "{} packages", versions.len());
    for name in once {
        assert!(
            versions.get(name.as_str()).is_none_or(|found| found.len() == 1),
            "{name} is there more than once"
        );
    }
}

#[test]
fn licence_expressions() {
    let allowed = ["MIT".to_owned(), "ISC".to_owned(), "A WITH E".to_owned()];
    for (text, expected) in [
        ("MIT", true),
        ("GPL", false),
        ("GPL OR MIT", true),
        ("GPL/MIT", true),
        ("GPL AND MIT", false),
        ("ISC AND (GPL OR MIT)", true),
        ("(ISC OR GPL) AND GPL", false),
        ("A WITH E OR GPL", true),
        ("A WITH F", false),
        ("", false),
    ] {
        assert_eq!(is_allowed(text, &allowed), expected, "{text}");
    }
}

fn sources(directory: &Path, into: &mut String) {
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            if !["target", "node_modules", "corpus"]
                .iter()
                .any(|name| path.ends_with(name))
            {
                sources(&path, into);
            }
        } else if path.extension().is_some_and(|end| end == "rs") {
            into.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// A function of that name, marked as a test; a helper would show nothing.
fn is_test(sources: &str, name: &str) -> bool {
    let declared = format!("fn {name}(");
    let lines: Vec<&str> = sources.lines().map(str::trim).collect();
    let is_declared = |line: &str| {
        line.split("async ")
            .last()
            .is_some_and(|line| line.starts_with(&declared))
    };
    lines.iter().enumerate().any(|(at, line)| {
        let marks = lines[..at].iter().rev().take_while(|line| line.starts_with("#["));
        is_declared(line)
            && marks
                .into_iter()
                .any(|mark| mark.contains("test]") || mark.contains("test("))
    })
}

#[test]
fn only_a_marked_function_is_a_test() {
    let sources = "#[test]\nfn one() {}\nfn two() {}\n#[tokio::test]\n#[expect(x)]\nasync fn three() {}\n// fn four()\n";
    let found = ["one", "two", "three", "four", "on"].map(|name| is_test(sources, name));
    assert_eq!(found, [true, false, true, false, false]);
}

#[test]
fn every_test_that_is_named_exists() {
    let document = std::fs::read_to_string(root().join("docs/SECURITY.md")).unwrap();
    let mut all = String::new();
    for directory in ["common", "functions", "devstack", "xtask"] {
        sources(&root().join(directory), &mut all);
    }
    let (_, matrix) = document.split_once("## The attack matrix").unwrap();
    let (matrix, _) = matrix.split_once("\n## ").unwrap();
    let mut named = 0;
    for row in matrix.lines().filter(|line| line.starts_with('|')).skip(2) {
        let tests = row.trim_end_matches('|').rsplit_once('|').unwrap().1;
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "a row without a test: {row}");
        for name in names {
            named += 1;
            assert!(is_test(&all, name), "there is no test {name}");
        }
    }
    assert!(named > 30, "{named} tests are named");
}
