//! The warm inbound webhook beside a client that runs the same statement on the same server.

use crate::programs::Programs;
use crate::report::Report;
use crate::sample::Sample;
use crate::surroundings::{Broken, Carrier, Database, expect_status};
use crate::yardstick::Yardstick;
use std::time::{Duration, Instant};
use testkit::postgres::Options;
use testkit::proxy::Proxy;
use testkit::runtime_api::Function;

const ROUNDS: u32 = 10;
const PER_ROUND: u32 = 300;

/// How many a rested side does before it is measured.
const WARM_UP: u32 = 30;

/// One side: each request's time, and the time of all together.
#[derive(Default)]
pub struct Series {
    /// Request by request.
    pub times: Sample,
    /// From the first request to the last answer.
    pub total: Duration,
    /// How many.
    pub count: u32,
}

impl Series {
    fn rate(&self) -> f64 {
        f64::from(self.count) / self.total.as_secs_f64()
    }

    fn rounded(&self) -> String {
        format!(
            "{:.3} (p10 {:.3}, p90 {:.3})",
            self.times.median(),
            self.times.quantile(0.1),
            self.times.quantile(0.9)
        )
    }
}

/// Measures both, with and without a disk to wait for.
pub async fn run(programs: &Programs, carrier: &Carrier, report: &mut Report) -> Result<(), Broken> {
    let database = Database::start(Options {
        durable: true,
        ..Options::default()
    })
    .await?;
    let sides = compare(programs, carrier, &database).await?;
    let (ours, theirs, name) = (&sides.webhook, &sides.yardstick, sides.yardstick_name);
    let behind = ours.times.median() - theirs.times.median();
    let measured = format!("{} ms, {behind:+.3} ms", ours.rounded());
    report.goal(
        "inbound webhook, p50",
        "yardstick + 0.5 ms",
        measured,
        format!("{name} {} ms", theirs.rounded()),
        behind <= 0.5,
    );
    let share = ours.rate() / theirs.rate();
    let measured = format!("{:.0}/s, {:.0} %", ours.rate(), share * 100.0);
    report.goal(
        "inbound webhook, rate of one client",
        "≥ 80 %",
        measured,
        format!("{name} {:.0}/s", theirs.rate()),
        share >= 0.8,
    );
    // What the events and the answers cost on their way is the Runtime API's, and a function that does nothing pays it too.
    let without = ours.total.saturating_sub(sides.hello.total).as_secs_f64();
    let rate = f64::from(ours.count) / without;
    let measured = format!("{rate:.0}/s, {:.0} %", rate / theirs.rate() * 100.0);
    report.note(
        "the same less hello's time per event",
        measured,
        format!("hello {} ms", sides.hello.rounded()),
    );
    report.note(
        "the statement through the functions' driver, in a loop",
        "",
        format!("{} ms; {:.0}/s", sides.driver.rounded(), sides.driver.rate()),
    );
    let after_events = format!("{} ms", sides.in_turn.rounded());
    report.note(
        "that loop with an event to hello before each statement",
        "",
        after_events,
    );
    count(programs, carrier, &database, report).await?;
    database.server.close().await?;

    let database = Database::start(Options::default()).await?;
    let sides = compare(programs, carrier, &database).await?;
    let (ours, theirs) = (&sides.webhook, &sides.yardstick);
    let behind = ours.times.median() - theirs.times.median();
    let measured = format!("{} ms, {behind:+.3} ms; {:.0}/s", ours.rounded(), ours.rate());
    let yardstick = format!("{name} {} ms; {:.0}/s", theirs.rounded(), theirs.rate());
    report.note(
        "p50 and rate where no commit waits for the disk",
        measured,
        yardstick,
    );
    database.server.close().await?;
    Ok(())
}

/// What was measured in turns.
struct Sides {
    webhook: Series,
    yardstick: Series,
    yardstick_name: &'static str,
    driver: Series,
    in_turn: Series,
    hello: Series,
}

async fn compare(programs: &Programs, carrier: &Carrier, database: &Database) -> Result<Sides, Broken> {
    let yardstick = Yardstick::find(database);
    let driver = Yardstick::Driver { url: database.url() };
    println!(
        "  {} on {}",
        yardstick.name(),
        database
            .server
            .binaries()
            .map_or("Postgres", |found| found.version.as_str())
    );
    let function = Function::spawn(
        programs.function("sms-webhook"),
        carrier.environment(&database.url(), &database.server),
    )?;
    let nothing = Function::spawn(programs.hello(), [("", ""); 0])?;
    let mut sides = Sides {
        webhook: Series::default(),
        yardstick: Series::default(),
        yardstick_name: yardstick.name(),
        driver: Series::default(),
        in_turn: Series::default(),
        hello: Series::default(),
    };
    let event = carrier.sms("SM").to_string().into_bytes();
    for round in 0..ROUNDS {
        play(&function, &mut sides.webhook, |n| {
            carrier.sms(&format!("SM-{round}-{n}"))
        })
        .await?;
        yardstick
            .play(round, WARM_UP, PER_ROUND, &mut sides.yardstick)
            .await?;
        play(&nothing, &mut sides.hello, |n| {
            carrier.sms(&format!("SM-{round}-{n}"))
        })
        .await?;
        driver
            .play(round + ROUNDS, WARM_UP, PER_ROUND, &mut sides.driver)
            .await?;
        Yardstick::play_in_turn(
            &database.url(),
            &nothing,
            &event,
            round + 2 * ROUNDS,
            WARM_UP,
            PER_ROUND,
            &mut sides.in_turn,
        )
        .await?;
        let last = |series: &Series| series.times.last(PER_ROUND as usize).median();
        let (webhook, yardstick) = (last(&sides.webhook), last(&sides.yardstick));
        println!(
            "  round {} of {ROUNDS}: {webhook:.3} ms beside {yardstick:.3} ms",
            round + 1
        );
    }
    function.close().await;
    nothing.close().await;
    Ok(sides)
}

async fn play(
    function: &Function,
    series: &mut Series,
    event: impl Fn(u32) -> serde_json::Value,
) -> Result<(), Broken> {
    for n in 0..WARM_UP {
        expect_status(&function.invoke(event(n)).await?, 200)?;
    }
    // the sender's own work is not the function's
    let events: Vec<Vec<u8>> = (WARM_UP..WARM_UP + PER_ROUND)
        .map(|n| event(n).to_string().into_bytes())
        .collect();
    let begun = Instant::now();
    for event in events {
        let sent = Instant::now();
        let answer = function.invoke_bytes(event).await?;
        series.times.add(sent.elapsed());
        expect_status(&answer, 200)?;
    }
    series.total += begun.elapsed();
    series.count += PER_ROUND;
    Ok(())
}

async fn count(
    programs: &Programs,
    carrier: &Carrier,
    database: &Database,
    report: &mut Report,
) -> Result<(), Broken> {
    let proxy = Proxy::start(&database.url())?;
    let environment = carrier.environment(&proxy.url(&database.url()), &database.server);
    let function = Function::spawn(programs.function("sms-webhook"), environment)?;
    expect_status(&function.invoke(carrier.sms("SM-first")).await?, 200)?;
    proxy.reset_counts();
    for n in 0..100 {
        expect_status(
            &function.invoke(carrier.sms(&format!("SM-counted-{n}"))).await?,
            200,
        )?;
    }
    let counts = proxy.counts();
    let measured = format!(
        "{} for 100 webhooks, {} new connections",
        counts.flights, counts.connections
    );
    report.goal(
        "inbound webhook, round trips",
        "1",
        measured,
        "",
        (counts.flights, counts.connections) == (100, 0),
    );
    function.close().await;
    Ok(())
}
