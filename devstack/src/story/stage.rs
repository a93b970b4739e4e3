//! What every step uses: the gateway over HTTP, a look at the rows, the printed page, and the checks.

use std::fmt::Display;

use serde_json::Value;
use tokio_postgres::Client;

use super::failed::{Broken, Failed};
use crate::clerk::ClerkWebhook;
use crate::http::{self, Answer};
use crate::stack::Stack;
use crate::table::Table;

/// Longer values are broken: a terminal is not endless.
const VALUE_CHARS_MAX: usize = 96;

/// Takes the story line by line.
pub type Page<'a> = &'a (dyn Fn(&str) + Sync);

/// See the module.
pub(super) struct Stage<'a> {
    pub(super) stack: &'a Stack,
    sql: Client,
    page: Page<'a>,
    step: u32,
    title: String,
}

impl<'a> Stage<'a> {
    pub(super) async fn open(stack: &'a Stack, page: Page<'a>) -> Result<Self, Failed> {
        let stage = |sql| Self {
            stack,
            sql,
            page,
            step: 0,
            title: "before the first".to_owned(),
        };
        match stack.inspect().await {
            Ok(sql) => Ok(stage(sql)),
            Err(error) => Err(Failed {
                step: "0".to_owned(),
                what: "a connection to Postgres".to_owned(),
                expected: "is made".to_owned(),
                came: error.to_string(),
            }),
        }
    }

    // ---- the page ----

    pub(super) fn line(&self, line: &str) {
        (self.page)(line);
    }

    pub(super) fn chapter(&self, title: &str) {
        self.line("");
        self.line(&format!(
            "── {title} {}",
            "─".repeat(92_usize.saturating_sub(title.chars().count()))
        ));
    }

    pub(super) fn step(&mut self, title: &str) {
        self.step += 1;
        self.title = format!("{} ({title})", self.step);
        self.line("");
        self.line(&format!("{:>2}  {title}", self.step));
    }

    pub(super) fn steps(&self) -> u32 {
        self.step
    }

    /// A named value; a long one goes on below itself.
    pub(super) fn note(&self, name: &str, value: impl Display) {
        for (i, line) in wrapped(&value.to_string(), VALUE_CHARS_MAX).iter().enumerate() {
            let name = if i == 0 { name } else { "" };
            self.line(format!("      {name:<15}  {line}").trim_end());
        }
    }

    /// What held.
    pub(super) fn tick(&self, text: impl Display) {
        self.line(&format!("    ✓ {text}"));
    }

    // ---- the gateway ----

    /// Posts to the gateway, and prints what went and what came.
    pub(super) async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, Failed> {
        self.note("POST", path);
        if headers.iter().any(|(_, value)| value.contains("json")) {
            self.note("", body);
        }
        let url = format!("{}{path}", self.stack.urls().gateway);
        let answer = http::request("POST", &url, headers, body.to_owned())
            .await
            .map_err(|error| self.broken(error.into()))?;
        self.note("answer", summary(&answer));
        Ok(answer)
    }

    /// `POST /api/communications`
    pub(super) async fn send(
        &self,
        token: &str,
        key: Option<&str>,
        message: &Value,
    ) -> Result<Answer, Failed> {
        let authorization = format!("Bearer {token}");
        let mut headers = vec![
            ("content-type", "application/json"),
            ("authorization", authorization.as_str()),
        ];
        if let Some(key) = key {
            headers.push(("idempotency-key", key));
        }
        self.post("/api/communications", &headers, &message.to_string())
            .await
    }

    /// `POST /api/webhooks/clerk`, then whatever the queue makes of it.
    pub(super) async fn clerk(&self, webhook: &ClerkWebhook) -> Result<Answer, Failed> {
        self.note("svix-id", &webhook.id);
        let answer = self
            .post("/api/webhooks/clerk", &webhook.headers(), &webhook.body)
            .await?;
        self.same("the answer's status", 200, answer.status)?;
        self.stack.settle().await;
        Ok(answer)
    }

    // ---- the rows ----

    /// What a query gives.
    pub(super) async fn rows(&self, sql: &str) -> Result<Table, Failed> {
        Table::query(&self.sql, sql)
            .await
            .map_err(|error| self.broken(error.into()))
    }

    /// The same, printed under a name.
    pub(super) async fn show(&self, name: &str, sql: &str) -> Result<Table, Failed> {
        let table = self.rows(sql).await?;
        self.line(&format!("      {name}"));
        for line in table.lines() {
            self.line(&format!("        {line}"));
        }
        Ok(table)
    }

    /// How many rows a table or condition has.
    pub(super) async fn count(&self, from: &str) -> Result<i64, Failed> {
        let table = self.rows(&format!("select count(*) as n from {from}")).await?;
        Ok(table.get(0, "n").parse().unwrap_or(-1))
    }

    /// Writes what the product's own pages would write.
    pub(super) async fn write(&self, sql: &str) -> Result<(), Failed> {
        self.sql
            .batch_execute(sql)
            .await
            .map_err(|error| self.broken(error.into()))
    }

    // ---- checks ----

    /// Fails unless both read the same.
    pub(super) fn same(&self, what: &str, expected: impl Display, came: impl Display) -> Result<(), Failed> {
        let (expected, came) = (expected.to_string(), came.to_string());
        if expected == came {
            return Ok(());
        }
        Err(self.failed(what, expected, came))
    }

    /// Fails unless it holds.
    pub(super) fn holds(
        &self,
        holds: bool,
        what: &str,
        expected: &str,
        came: impl Display,
    ) -> Result<(), Failed> {
        if holds {
            return Ok(());
        }
        Err(self.failed(what, expected.to_owned(), came.to_string()))
    }

    /// Fails unless a JSON value is this text.
    pub(super) fn field(&self, document: &Value, name: &str, expected: &str) -> Result<(), Failed> {
        let came = text(&document[name]);
        self.same(&format!("`{name}` of the answer"), expected, came)
    }

    fn failed(&self, what: &str, expected: String, came: String) -> Failed {
        Failed {
            step: self.title.clone(),
            what: what.to_owned(),
            expected,
            came,
        }
    }

    pub(super) fn broken(&self, error: Broken) -> Failed {
        self.failed("the step goes through", "no error".to_owned(), error.0)
    }
}

/// A JSON text without its quotes, anything else as JSON.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What matters of an answer: the ids of a message, the code of a problem, else the body.
fn summary(answer: &Answer) -> String {
    let document = answer.json();
    let member = |name: &str| text(&document[name]);
    let words = if document["sid"].is_string() {
        let named = ["id", "sid", "from", "to", "status"].map(|name| format!("{name} {}", member(name)));
        named.join(", ")
    } else if document["code"].is_string() {
        format!("{}: {}", member("code"), member("detail"))
    } else {
        answer.body.clone()
    };
    format!("{} {words}", answer.status).trim_end().to_owned()
}

/// Lines of at most so many characters, broken after a comma, a space or a `>` where there is one.
fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest: Vec<char> = text.chars().collect();
    while rest.len() > most {
        let fits = rest[..most].iter().rposition(|c| matches!(c, ',' | ' ' | '>'));
        let at = fits.map_or(most, |at| at + 1);
        let next: Vec<char> = rest.split_off(at).into_iter().skip_while(|c| *c == ' ').collect();
        lines.push(rest.into_iter().collect::<String>().trim_end().to_owned());
        rest = next;
    }
    lines.push(rest.into_iter().collect());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_broken_where_they_may_be() {
        assert_eq!(wrapped("short", 9), ["short"]);
        assert_eq!(wrapped("", 9), [""]);
        assert_eq!(wrapped("one, two, three", 9), ["one, two,", "three"]);
        assert_eq!(wrapped("0123456789ab", 5), ["01234", "56789", "ab"]);
        assert_eq!(wrapped("ä ö ü ", 3), ["ä", "ö", "ü "]);
    }
}
