//! Ordered name/value pairs: query strings and form bodies, in wire order.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

/// What an HTML form leaves alone; a space becomes `+`.
const FORM: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'*')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b' ');

/// Parameters of a request or a webhook, in the order of the wire; names may repeat and are case-sensitive (FACTS 1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Params(pub Vec<(String, String)>);

impl Params {
    /// Reads a query string or a form body.
    pub fn parse(encoded: &str) -> Self {
        Self(
            url::form_urlencoded::parse(encoded.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// The first value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The first value of `name`, unless it is empty.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Every value of `name`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Adds a pair at the end.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }

    /// The pairs as an HTML form encodes them.
    pub fn encode(&self) -> String {
        let part = |text: &str| utf8_percent_encode(text, FORM).to_string().replace(' ', "+");
        self.0
            .iter()
            .map(|(name, value)| format!("{}={}", part(name), part(value)))
            .collect::<Vec<_>>()
            .join("&")
    }

    /// The names that are not in `known`.
    pub(crate) fn unknown(&self, known: &[&str]) -> Vec<String> {
        self.0
            .iter()
            .map(|(name, _)| name.clone())
            .filter(|name| !known.contains(&name.as_str()))
            .collect()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Params {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_is_a_html_form_and_reads_back() {
        let params: Params = [("Body", "a+b & c=\u{e9}~"), ("From", "+14055550100")]
            .into_iter()
            .collect();
        assert_eq!(
            params.encode(),
            "Body=a%2Bb+%26+c%3D%C3%A9%7E&From=%2B14055550100"
        );
        assert_eq!(Params::parse(&params.encode()), params);
    }
}
