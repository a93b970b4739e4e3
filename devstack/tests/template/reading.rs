//! The template, as it is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use serde_yaml_ng::Value as Yaml;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// CloudFormation's short tags in their long form.
pub fn plain(yaml: Yaml) -> Value {
    match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => value.into(),
        Yaml::Number(number) => serde_json::to_value(number).expect("a number"),
        Yaml::String(text) => text.into(),
        Yaml::Sequence(items) => items.into_iter().map(plain).collect(),
        Yaml::Mapping(members) => members
            .into_iter()
            .map(|(name, value)| {
                let name = match plain(name) {
                    Value::String(name) => name,
                    other => other.to_string(),
                };
                (name, plain(value))
            })
            .collect::<Map<_, _>>()
            .into(),
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let tag = tag.trim_start_matches('!');
            let value = plain(tagged.value);
            match tag {
                "Ref" | "Condition" => json!({ tag: value }),
                _ => json!({ format!("Fn::{tag}"): value }),
            }
        }
    }
}

pub fn template() -> Value {
    plain(serde_yaml_ng::from_str(&read("template.yaml")).expect("template.yaml is YAML"))
}

pub fn resources(template: &Value, kind: &str) -> BTreeMap<String, Value> {
    let all = template["Resources"].as_object().expect("there are resources");
    all.iter()
        .filter(|(_, resource)| resource["Type"] == kind)
        .map(|(name, resource)| (name.clone(), resource["Properties"].clone()))
        .collect()
}

/// Each function's logical id and properties, by its name.
pub fn functions(template: &Value) -> BTreeMap<String, (String, Value)> {
    let all = template["Resources"].as_object().expect("there are resources");
    all.iter()
        .filter(|(_, resource)| resource["Type"] == "AWS::Serverless::Function")
        .map(|(id, resource)| {
            let name = resource["Metadata"]["BuildProperties"]["Binary"]
                .as_str()
                .unwrap_or_else(|| panic!("{id} names no binary"));
            (name.to_owned(), (id.clone(), resource["Properties"].clone()))
        })
        .collect()
}

pub fn names(value: &Value) -> BTreeSet<String> {
    value
        .as_object()
        .map(|members| members.keys().cloned().collect())
        .unwrap_or_default()
}

pub fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        Value::Null => Vec::new(),
        other => vec![other.clone()],
    }
}

/// The logical id that a resource expression is about.
pub fn about(expression: &Value) -> String {
    let text = expression["Ref"].as_str().or(expression["Fn::GetAtt"].as_str());
    let text = text.unwrap_or_else(|| panic!("a policy names a resource by Ref or GetAtt, not {expression}"));
    text.split('.').next().unwrap_or_default().to_owned()
}
