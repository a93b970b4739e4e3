//! Cold starts beside those of a function that does nothing.

use crate::programs::Programs;
use crate::report::Report;
use crate::sample::Sample;
use crate::surroundings::{Broken, Carrier, Database, expect_status};
use crate::yardstick;
use testkit::postgres::Options;
use testkit::runtime_api::Function;

const STARTS: u32 = 60;

/// Measures all kinds of start, one after the other in every round.
pub async fn run(programs: &Programs, carrier: &Carrier, report: &mut Report) -> Result<(), Broken> {
    let trusting = Database::start(Options {
        durable: true,
        tls: true,
        ..Options::default()
    })
    .await?;
    let asking = Database::start(Options {
        durable: true,
        tls: true,
        scram: true,
        ..Options::default()
    })
    .await?;
    let environment = carrier.environment(&trusting.url(), &trusting.server);
    let with_password = carrier.environment(&asking.url(), &asking.server);
    let webhook = programs.function("sms-webhook");
    let [
        mut poll,
        mut hello_poll,
        mut answer,
        mut hello_answer,
        mut password,
        mut bare,
        mut bare_password,
    ] = std::array::from_fn(|_| Sample::default());
    for n in 0..STARTS {
        let function = Function::spawn(&webhook, environment.clone())?;
        function.ready().await?;
        poll.add(function.time_to_first_poll().unwrap_or_default());
        function.close().await;

        let function = Function::spawn(programs.hello(), [("", ""); 0])?;
        function.ready().await?;
        hello_poll.add(function.time_to_first_poll().unwrap_or_default());
        function.close().await;

        let function = Function::spawn(&webhook, environment.clone())?;
        expect_status(
            &function.invoke(carrier.sms(&format!("SM-start-{n}"))).await?,
            200,
        )?;
        answer.add(function.time_to_first_answer().unwrap_or_default());
        function.close().await;

        let function = Function::spawn(programs.hello(), [("", ""); 0])?;
        expect_status(
            &function.invoke(carrier.sms(&format!("SM-start-{n}"))).await?,
            200,
        )?;
        hello_answer.add(function.time_to_first_answer().unwrap_or_default());
        function.close().await;

        let function = Function::spawn(&webhook, with_password.clone())?;
        expect_status(
            &function.invoke(carrier.sms(&format!("SM-start-{n}"))).await?,
            200,
        )?;
        password.add(function.time_to_first_answer().unwrap_or_default());
        function.close().await;
        bare.add(yardstick::connect_and_run(&trusting.trusted_url()?, n).await?);
        bare_password.add(yardstick::connect_and_run(&asking.trusted_url()?, n).await?);
        if (n + 1) % 10 == 0 {
            println!("  {} of {STARTS} rounds", n + 1);
        }
    }
    let behind = poll.median() - hello_poll.median();
    report.goal(
        "spawn to first poll",
        "hello + 1 ms",
        format!("{poll} ms, {behind:+.2} ms"),
        format!("hello {hello_poll} ms"),
        behind <= 1.0,
    );
    let behind = answer.median() - hello_answer.median();
    report.goal(
        "spawn to first answered webhook, TLS",
        "hello + 8 ms",
        format!("{answer} ms, {behind:+.2} ms"),
        format!("hello {hello_answer} ms"),
        behind <= 8.0,
    );
    let behind = password.median() - hello_answer.median();
    report.goal(
        "the same with a SCRAM password",
        "hello + 8 ms",
        format!("{password} ms, {behind:+.2} ms"),
        format!("hello {hello_answer} ms"),
        behind <= 8.0,
    );
    let what = "of that a new connection and its first statement, from a process that is awake";
    report.note(
        what,
        "",
        format!("TLS {bare} ms; with the password {bare_password} ms"),
    );
    memory(programs, carrier, &asking, report).await?;
    trusting.server.close().await?;
    asking.server.close().await?;
    Ok(())
}

const RESIDENT_KIB_MAX: u64 = 12 * 1024;

async fn memory(
    programs: &Programs,
    carrier: &Carrier,
    database: &Database,
    report: &mut Report,
) -> Result<(), Broken> {
    let mut texts = Vec::new();
    let mut highest = 0;
    for (program, environment) in [
        (
            programs.function("sms-webhook"),
            carrier.environment(&database.url(), &database.server),
        ),
        (programs.hello(), Vec::new()),
    ] {
        let function = Function::spawn(program, environment)?;
        for n in 0..1000 {
            expect_status(
                &function.invoke(carrier.sms(&format!("SM-memory-{n}"))).await?,
                200,
            )?;
        }
        let (now, peak) = function
            .resident_kib()
            .ok_or("resident memory is known on Linux only")?;
        highest = highest.max(peak);
        texts.push(format!(
            "{:.1} MiB (peak {:.1})",
            now as f64 / 1024.0,
            peak as f64 / 1024.0
        ));
        function.close().await;
    }
    report.goal(
        "resident after 1,000 webhooks over TLS",
        "12 MiB",
        &texts[0],
        format!("hello {}", texts[1]),
        highest <= RESIDENT_KIB_MAX,
    );
    Ok(())
}
