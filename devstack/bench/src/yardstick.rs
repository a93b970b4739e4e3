//! The statement of the inbound webhook without a webhook around it: `pgbench`, or where that is not installed, a loop over the
//! driver that the functions use.

use crate::inbound::Series;
use crate::surroundings::{Broken, CUSTOMER, Database, NUMBER};
use common::store::DatabaseUrl;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use testkit::runtime_api::Function;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

const STATEMENT: &str = include_str!("../../../common/src/store/sql/record_inbound_message.sql");

/// The text that the webhooks carry.
const BODY: &str = "Can you come by on Tuesday?";

/// See the module.
pub enum Yardstick {
    /// `pgbench -M extended`: parse, bind, execute in one round trip, as the functions do.
    Pgbench {
        /// The program.
        program: PathBuf,
        /// Where.
        url: String,
    },
    /// `query_typed` in a loop.
    Driver {
        /// Where.
        url: String,
    },
}

impl Yardstick {
    /// What there is on this machine.
    pub fn find(database: &Database) -> Self {
        let beside_postgres = database
            .server
            .binaries()
            .map(|found| found.directory.join("pgbench"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut programs = beside_postgres
            .into_iter()
            .chain(std::env::split_paths(&path).map(|directory| directory.join("pgbench")));
        let url = database.url();
        match programs.find(|program| program.is_file()) {
            Some(program) => Self::Pgbench { program, url },
            None => Self::Driver { url },
        }
    }

    /// How the report calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pgbench { .. } => "pgbench",
            Self::Driver { .. } => "loop over tokio-postgres",
        }
    }

    /// Runs the statement so many times on a connection of its own; the first `warm_up` do not count.
    pub async fn play(
        &self,
        round: u32,
        warm_up: u32,
        count: u32,
        series: &mut Series,
    ) -> Result<(), Broken> {
        match self {
            Self::Pgbench { program, url } => pgbench(program, url, round, warm_up, count, series).await,
            Self::Driver { url } => {
                let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
                tokio::spawn(connection);
                driver(&client, None, round, warm_up, count, series).await
            }
        }
    }

    /// The driver's loop with an event to a function that does nothing before each statement, which alone is timed: whoever
    /// waits longer between two statements finds caches cold and processes asleep, as a webhook does.
    pub async fn play_in_turn(
        url: &str,
        nothing: &Function,
        event: &[u8],
        round: u32,
        warm_up: u32,
        count: u32,
        series: &mut Series,
    ) -> Result<(), Broken> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        driver(&client, Some((nothing, event)), round, warm_up, count, series).await
    }
}

/// A new connection as the functions make them, TLS and password included, and one statement on it.
pub async fn connect_and_run(url: &DatabaseUrl, number: u32) -> Result<Duration, Broken> {
    let tls = url.tls();
    let begun = Instant::now();
    let (client, connection) = url.config().connect(tls).await?;
    tokio::spawn(connection);
    let sql = STATEMENT.replace("$12", "now()");
    statement(&client, &sql, u128::from(number) + 1_000_000_000).await?;
    Ok(begun.elapsed())
}

async fn pgbench(
    program: &PathBuf,
    url: &str,
    round: u32,
    warm_up: u32,
    count: u32,
    series: &mut Series,
) -> Result<(), Broken> {
    let directory = std::env::temp_dir().join(format!("ringspace-bench-{}", std::process::id()));
    fs::create_dir_all(&directory)?;
    let script = directory.join("statement.sql");
    fs::write(&script, format!("\\set n :n + 1\n{};\n", statement_for_pgbench()))?;
    let log = directory.join(format!("round{round}"));
    let output = tokio::process::Command::new(program)
        .args([
            "--no-vacuum",
            "--protocol=extended",
            "--client=1",
            "--jobs=1",
            "--log",
        ])
        .arg(format!("--transactions={}", warm_up + count))
        .arg(format!("--define=n={}", u64::from(round) * 1_000_000))
        .arg(format!("--log-prefix={}", log.display()))
        .arg("--file")
        .arg(&script)
        .arg(url)
        .output()
        .await?;
    if !output.status.success() {
        return Err(format!("pgbench failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let mut transactions = Vec::new();
    for entry in fs::read_dir(&directory)? {
        let path = entry?.path();
        if path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(&format!("round{round}.")))
        {
            transactions.extend(fs::read_to_string(path)?.lines().filter_map(logged));
        }
    }
    fs::remove_dir_all(&directory)?;
    if transactions.len() != (warm_up + count) as usize {
        return Err(format!("pgbench logged {} transactions", transactions.len()).into());
    }
    let (cold, warm) = transactions.split_at(warm_up as usize);
    if let (Some((from, _)), Some((to, _))) = (cold.last(), warm.last()) {
        series.total += to.saturating_sub(*from);
    }
    warm.iter().for_each(|(_, latency)| series.times.add(*latency));
    series.count += count;
    Ok(())
}

/// When a transaction ended, and how long it took: `client number microseconds script seconds microseconds`.
fn logged(line: &str) -> Option<(Duration, Duration)> {
    let fields: Vec<u64> = line
        .split_whitespace()
        .map_while(|field| field.parse().ok())
        .collect();
    let [_, _, latency, _, seconds, micros, ..] = fields[..] else {
        return None;
    };
    Some((
        Duration::from_secs(seconds) + Duration::from_micros(micros),
        Duration::from_micros(latency),
    ))
}

/// The functions' own statement file, with pgbench's values in the place of its parameters.
fn statement_for_pgbench() -> String {
    let values = [
        "lpad(:n::text, 32, '0')::uuid",
        "'SM-pgbench-' || :n::text",
        "'sms'",
        &format!("'{NUMBER}'"),
        &format!("'{CUSTOMER}'"),
        &format!("'{BODY}'"),
        "'[]'::jsonb",
        "1",
        "false",
        "null",
        "null",
        "now()",
    ];
    let sql: String = STATEMENT
        .lines()
        .filter(|line| !line.starts_with("--"))
        .collect::<Vec<_>>()
        .join("\n");
    values.iter().enumerate().rev().fold(sql, |sql, (index, value)| {
        sql.replace(&format!("${}", index + 1), value)
    })
}

async fn driver(
    client: &Client,
    before: Option<(&Function, &[u8])>,
    round: u32,
    warm_up: u32,
    count: u32,
    series: &mut Series,
) -> Result<(), Broken> {
    let sql = STATEMENT.replace("$12", "now()");
    let mut begun = Instant::now();
    for n in 0..warm_up + count {
        if n == warm_up {
            begun = Instant::now();
        }
        if let Some((nothing, event)) = before {
            nothing.invoke_bytes(event.to_vec()).await?;
        }
        let taken = statement(client, &sql, u128::from(round) * 1_000_000 + u128::from(n) + 1).await?;
        if n >= warm_up {
            series.times.add(taken);
        }
    }
    series.total += begun.elapsed();
    series.count += count;
    Ok(())
}

/// Runs it once and gives the time that it took.
async fn statement(client: &Client, sql: &str, number: u128) -> Result<Duration, Broken> {
    let types = [
        Type::UUID,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::JSONB,
        Type::INT4,
        Type::BOOL,
        Type::TEXT,
        Type::TEXT,
    ];
    let (id, sid) = (Uuid::from_u128(number), format!("SM-loop-{number}"));
    let (media, none) = (serde_json::Value::Array(Vec::new()), None::<&str>);
    let values: [&(dyn ToSql + Sync); 11] = [
        &id, &sid, &"sms", &NUMBER, &CUSTOMER, &BODY, &media, &1_i32, &false, &none, &none,
    ];
    let parameters: Vec<_> = values.into_iter().zip(types).collect();
    let sent = Instant::now();
    client.query_typed(sql, &parameters).await?;
    Ok(sent.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_gets_a_value() {
        let sql = statement_for_pgbench();
        assert!(!sql.contains('$') && !sql.contains("--"), "{sql}");
        assert!(
            sql.contains("record_inbound_message(lpad(") && sql.ends_with("null, null, now())"),
            "{sql}"
        );
    }

    #[test]
    fn a_line_of_the_log() {
        let (ended, latency) = logged("0 199 2241 0 1175850568 995598").unwrap();
        assert_eq!((ended.as_secs(), latency.as_micros()), (1_175_850_568, 2241));
        assert!(logged("progress").is_none());
    }
}
