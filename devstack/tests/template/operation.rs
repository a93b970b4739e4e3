//! Alarms, metrics and stages.

use crate::reading::*;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use common::metrics::Metric;
use serde_json::{Value, json};

/// Markdown's headings as links see them.
fn anchors(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            line.trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter_map(|c| match c {
                    ' ' => Some('-'),
                    c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
                    _ => None,
                })
                .collect()
        })
        .collect()
}

#[test]
fn alarms_name_a_paragraph_that_exists() {
    let template = template();
    let anchors = anchors(&read("docs/RUNBOOK.md"));
    let alarms = resources(&template, "AWS::CloudWatch::Alarm");
    assert!(alarms.len() > 20);
    for (name, alarm) in alarms {
        let text = alarm["AlarmDescription"].as_str().unwrap_or_default();
        let anchor = text
            .split("docs/RUNBOOK.md#")
            .nth(1)
            .unwrap_or_else(|| panic!("{name} names no paragraph"));
        assert!(
            anchors.contains(anchor),
            "docs/RUNBOOK.md has no paragraph `{anchor}` ({name})"
        );
        assert_eq!(alarm["AlarmActions"], json!([{ "Ref": "AlarmTopic" }]), "{name}");
    }
}

/// Every metric of ours that stands somewhere below.
fn ours(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if members.get("Namespace") == Some(&"Ringspace".into()) {
                found.extend(members["MetricName"].as_str().map(str::to_owned));
            }
            members.values().for_each(|value| ours(value, found));
        }
        Value::Array(items) => {
            if items.first() == Some(&"Ringspace".into()) {
                found.extend(items.get(1).and_then(Value::as_str).map(str::to_owned));
            }
            items.iter().for_each(|value| ours(value, found));
        }
        _ => {}
    }
}

#[test]
fn metrics_are_counted_and_shown() {
    let template = template();
    let mut shown = BTreeSet::new();
    ours(&template, &mut shown);
    for (_, dashboard) in resources(&template, "AWS::CloudWatch::Dashboard") {
        let body = dashboard["DashboardBody"]["Fn::Sub"].as_str().expect("a text");
        ours(
            &serde_json::from_str(body).expect("the dashboard is JSON"),
            &mut shown,
        );
    }
    let known: BTreeSet<String> = Metric::ALL
        .iter()
        .map(|metric| metric.name().to_owned())
        .collect();
    assert_eq!(
        shown, known,
        "the template shows the left, the code has the right"
    );

    let mut sources = String::new();
    for directory in ["common/src", "functions"] {
        collect(&root().join(directory), &mut sources);
    }
    for metric in Metric::ALL {
        assert!(
            sources.contains(&format!("Metric::{}", metric.name())),
            "nobody counts {}",
            metric.name()
        );
    }
}

fn collect(directory: &Path, sources: &mut String) {
    for entry in fs::read_dir(directory).expect("it is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            if !path.ends_with("tests") {
                collect(&path, sources);
            }
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("metrics.rs") {
            sources.push_str(&fs::read_to_string(&path).expect("it is a text"));
        }
    }
}

#[test]
fn stages_of_samconfig_give_parameters_that_exist() {
    let template = template();
    let parameters = names(&template["Parameters"]);
    let config = read("samconfig.toml");
    for stage in ["dev", "staging", "prod"] {
        assert!(
            config.contains(&format!("[{stage}.deploy.parameters]"))
                && config.contains(&format!("\"Stage={stage}\""))
        );
    }
    let mut given = 0;
    for line in config.lines().map(str::trim).filter(|line| line.starts_with('"')) {
        let name = line.trim_start_matches('"').split('=').next().unwrap_or_default();
        assert!(
            parameters.contains(name),
            "samconfig.toml gives {name}, which the template does not have"
        );
        given += 1;
    }
    assert!(given > 20);
    let groups = &template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"];
    let grouped: Vec<Value> = list(groups)
        .iter()
        .flat_map(|group| list(&group["Parameters"]))
        .collect();
    assert_eq!(grouped.len(), parameters.len(), "every parameter is in one group");
}
