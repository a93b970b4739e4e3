//! What a request costs that nobody signed.

use crate::programs::Programs;
use crate::report::Report;
use crate::surroundings::{Broken, Carrier, Database, expect_status};
use serde_json::Value;
use std::path::Path;
use testkit::postgres::Options;
use testkit::proxy::Proxy;
use testkit::runtime_api::Function;

const REQUESTS: u32 = 20_000;
const LONG_REQUESTS: u32 = 2_000;

/// Counts what reaches the database, and the CPU time beside that of a function that does nothing with the same requests.
pub async fn run(programs: &Programs, carrier: &Carrier, report: &mut Report) -> Result<(), Broken> {
    let database = Database::start(Options::default()).await?;
    let proxy = Proxy::start(&database.url())?;
    let environment = carrier.environment(&proxy.url(&database.url()), &database.server);
    let webhook = programs.function("sms-webhook");
    let short = carrier.forged_sms("Can you come by on Tuesday?");
    let ours = cpu(&webhook, environment.clone(), &short, REQUESTS, 403).await?;
    let hello = cpu(&programs.hello(), Vec::new(), &short, REQUESTS, 200).await?;
    let long = carrier.forged_sms(&"a".repeat(63 * 1024));
    let ours_long = cpu(&webhook, environment, &long, LONG_REQUESTS, 403).await?;
    let hello_long = cpu(&programs.hello(), Vec::new(), &long, LONG_REQUESTS, 200).await?;
    let counts = proxy.counts();
    let measured = format!(
        "{} connections, {} bytes",
        counts.connections, counts.bytes_to_server
    );
    let nothing = (counts.connections, counts.bytes_to_server, counts.flights) == (0, 0, 0);
    report.goal(
        "forged request, to the database",
        "nothing",
        measured,
        format!("after {} requests", REQUESTS + LONG_REQUESTS),
        nothing,
    );
    let measured = format!("{:.3} ms over hello ({ours:.3} in all)", ours - hello);
    report.goal(
        "forged request, CPU",
        "0.2 ms",
        measured,
        format!("hello {hello:.3} ms"),
        ours - hello <= 0.2,
    );
    let measured = format!(
        "{:.3} ms over hello ({ours_long:.3} in all)",
        ours_long - hello_long
    );
    report.note(
        "the same with 63 KiB of body",
        measured,
        format!("hello {hello_long:.3} ms"),
    );
    database.server.close().await?;
    Ok(())
}

/// Milliseconds of CPU per request, user and system, all threads.
async fn cpu(
    program: &Path,
    environment: Vec<(&'static str, String)>,
    event: &Value,
    requests: u32,
    status: u16,
) -> Result<f64, Broken> {
    let function = Function::spawn(program, environment)?;
    let event = event.to_string().into_bytes();
    for _ in 0..100 {
        expect_status(&function.invoke_bytes(event.clone()).await?, status)?;
    }
    let before = ticks(function.pid())?;
    for _ in 0..requests {
        expect_status(&function.invoke_bytes(event.clone()).await?, status)?;
    }
    let spent = ticks(function.pid())? - before;
    function.close().await;
    println!(
        "  {requests} requests to {}",
        program.file_name().unwrap_or_default().display()
    );
    Ok(spent as f64 * MS_PER_TICK / f64::from(requests))
}

/// `USER_HZ`, which Linux keeps at 100 for programs.
const MS_PER_TICK: f64 = 10.0;

fn ticks(pid: u32) -> Result<u64, Broken> {
    parse(&std::fs::read_to_string(format!("/proc/{pid}/stat"))?)
        .ok_or_else(|| "/proc/…/stat cannot be read".into())
}

/// User and system time: the 14th and 15th field. The second, a name in brackets, may hold spaces.
fn parse(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_shifts_nothing() {
        assert_eq!(
            parse("7 (a b) c) S 1 7 7 0 -1 4194560 100 0 0 0 31 12 0 0 20 0 1 0"),
            Some(43)
        );
        assert_eq!(parse("nonsense"), None);
    }
}
