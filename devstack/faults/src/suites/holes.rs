//! Silence instead of a cut: black holes before and after every flight, slow links, ports that refuse, resets. Measured is when the
//! answer leaves; the carrier stops listening after 5 s, and ours has to be there after 4.5.

use crate::Broken;
use crate::check;
use crate::gate::{Breadth, Gate, MOMENTS, Moment, Script, address};
use crate::lab::{Answer, Lab, SMS, VOICE, Way, ask, sid};
use crate::programs::Programs;
use crate::tally::Tally;
use futures_util::future::{join_all, try_join_all};
use serde_json::Value;
use std::time::Duration;
use testkit::runtime_api::Function;

/// The webhook functions and where they are called.
const WEBHOOKS: [&str; 3] = ["sms-webhook", "voice-webhook", "status-callback"];

/// How many of these cases wait side by side.
const SIDE_BY_SIDE: usize = 6;

#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The exchange is held, alone or with everything after it.
    Hole {
        is_warm: bool,
        exchange: usize,
        moment: Moment,
        breadth: Breadth,
    },
    /// Every byte is late, each way.
    Slow(u64),
    /// Nobody listens.
    Refused,
    /// Connections are reset while they are used.
    Reset,
    /// Both Postgres and the queue are silent: more than one fault, and the answer still has to leave.
    AllSilent,
}

fn faults() -> Vec<Fault> {
    let mut faults = Vec::new();
    for (is_warm, exchanges) in [(true, 1..=1), (false, 1..=2)] {
        for exchange in exchanges {
            for moment in MOMENTS {
                for breadth in [Breadth::Connection, Breadth::Everything] {
                    faults.push(Fault::Hole {
                        is_warm,
                        exchange,
                        moment,
                        breadth,
                    });
                }
            }
        }
    }
    faults.extend([20, 100, 200, 300, 400, 500, 600, 700, 900, 1200, 2000].map(Fault::Slow));
    faults.extend([Fault::Refused, Fault::Reset, Fault::AllSilent]);
    faults
}

/// Runs all of it.
pub(super) async fn run(programs: &Programs, tally: &Tally) -> Result<(), Broken> {
    for function in WEBHOOKS {
        let lab = Lab::open(programs).await?;
        let all = faults();
        for some in all.chunks(SIDE_BY_SIDE) {
            try_join_all(some.iter().map(|fault| case(&lab, tally, function, *fault))).await?;
        }
        let replay = lab.start("spool-replay", Way::Direct).await?;
        let spooled = lab.drain().await?;
        let again = lab.replay(&replay, spooled).await?;
        tally.expect(again.is_empty(), || {
            format!("{function}: {} records were not replayed", again.len())
        });
        tally.say(format_args!(
            "{function}: {} silent, slow and refused ways to Postgres",
            all.len()
        ));
    }
    fallback(programs, tally).await?;
    overlapping(programs, tally).await
}

/// The second path needs the queue alone: slow, it is waited for; silent, the carrier is told so in time.
async fn fallback(programs: &Programs, tally: &Tally) -> Result<(), Broken> {
    let lab = Lab::open(programs).await?;
    let fallback = lab.start("webhook-fallback", Way::Proxied).await?;
    let mut taken = Vec::new();
    for (milliseconds, wanted) in [(0, 200), (100, 200), (200, 200), (0, 503), (0, 200)] {
        let is_silent = wanted == 503;
        lab.aws_proxy.delay(Duration::from_millis(milliseconds));
        lab.aws_proxy.black_hole(is_silent);
        let sid = sid("FALL");
        let answer = ask(&fallback, lab.message_at_fallback(&sid, "Is this on?")).await;
        lab.aws_proxy.black_hole(false);
        let case = format!("webhook-fallback, queue {milliseconds} ms away, silent {is_silent}");
        tally.answered(&case, answer.took);
        tally.count("silent, slow and refused ways to the queue", 1);
        tally.expect(answer.status == wanted, || {
            format!("{case}: answered {} {}", answer.status, answer.body)
        });
        if answer.status == 200 {
            taken.push(sid);
        }
    }
    let replay = lab.start("spool-replay", Way::Direct).await?;
    let spooled = lab.drain().await?;
    lab.replay(&replay, spooled).await?;
    check::messages_are_stored(&lab, tally, "webhook-fallback", &taken).await
}

fn event(lab: &Lab<'_>, function: &str, sid: &str) -> Value {
    match function {
        "sms-webhook" => lab.message(sid, "Is this on?"),
        "status-callback" => lab.report(sid, "delivered"),
        _ => lab.fixture.webhook_event(
            VOICE,
            "",
            &[
                ("CallSid", sid),
                ("From", crate::lab::CUSTOMER),
                ("To", crate::lab::NUMBER),
                ("CallStatus", "ringing"),
                ("Direction", "inbound"),
            ],
        ),
    }
}

async fn case(lab: &Lab<'_>, tally: &Tally, function: &str, fault: Fault) -> Result<(), Broken> {
    let script = Script::watching();
    let direct = lab.fixture.database.url().to_owned();
    let proxy = testkit::proxy::Proxy::start(&direct)?;
    let gate = Gate::open(&format!("127.0.0.1:{}", proxy.port()), &script).await?;
    let aws = testkit::proxy::Proxy::start(&format!("127.0.0.1:{}", lab.aws.port()))?;
    let mut environment = lab.environment(Way::Direct);
    for (name, value) in &mut environment {
        match name.as_str() {
            "DATABASE_URL" => *value = gate.url(&direct),
            "AWS_ENDPOINT_URL" => *value = format!("http://127.0.0.1:{}", aws.port()),
            _ => {}
        }
    }
    let webhook = lab.start_with(function, environment).await?;
    if !matches!(fault, Fault::Hole { is_warm: false, .. }) {
        ask(&webhook, event(lab, function, &sid("HOLE"))).await;
    }
    let sid = sid("HOLE");
    let told = event(lab, function, &sid);
    let answer = match fault {
        Fault::Hole {
            exchange,
            moment,
            breadth,
            ..
        } => {
            script.hold_from_now(exchange, moment, breadth);
            let answer = ask(&webhook, told).await;
            tally.expect(script.was_reached(), || {
                format!("{function} {fault:?}: there is no such exchange")
            });
            script.drop_held();
            answer
        }
        Fault::Slow(milliseconds) => {
            proxy.delay(Duration::from_millis(milliseconds));
            ask(&webhook, told).await
        }
        Fault::Refused => {
            proxy.refuse(true).await?;
            proxy.reset_all();
            ask(&webhook, told).await
        }
        Fault::Reset => {
            proxy.delay(Duration::from_millis(200));
            let (answer, ()) = tokio::join!(ask(&webhook, told), async {
                for _ in 0..4 {
                    tokio::time::sleep(Duration::from_millis(90)).await;
                    proxy.reset_all();
                }
            });
            answer
        }
        Fault::AllSilent => {
            proxy.black_hole(true);
            aws.black_hole(true);
            ask(&webhook, told).await
        }
    };
    tally.count("silent, slow and refused ways to Postgres", 1);
    judge(tally, function, fault, &answer);
    proxy.black_hole(false);
    aws.black_hole(false);
    Ok(())
}

fn judge(tally: &Tally, function: &str, fault: Fault, answer: &Answer) {
    let case = format!("{function}, {fault:?}");
    let wanted = if matches!(fault, Fault::AllSilent) && function != "voice-webhook" {
        503
    } else {
        200
    };
    tally.answered(&case, answer.took);
    let is_right = answer.status == wanted || (matches!(fault, Fault::AllSilent) && answer.status == 503);
    tally.expect(is_right, || {
        format!("{case}: answered {} {}", answer.status, answer.body)
    });
}

/// Four sandboxes wait for the same silent Postgres: each answers in its own time.
async fn overlapping(programs: &Programs, tally: &Tally) -> Result<(), Broken> {
    let lab = Lab::open(programs).await?;
    let functions: Vec<Function> =
        try_join_all((0..4).map(|_| lab.start("sms-webhook", Way::Proxied))).await?;
    for function in &functions {
        ask(function, lab.message(&sid("HOLE"), "Warm")).await;
    }
    lab.database.black_hole(true);
    let sids: Vec<String> = (0..4).map(|_| sid("HOLE")).collect();
    let answers = join_all(
        functions
            .iter()
            .zip(&sids)
            .map(|(function, sid)| ask(function, lab.message(sid, "Hello?"))),
    )
    .await;
    lab.database.black_hole(false);
    for answer in &answers {
        tally.answered("four sandboxes before a silent Postgres", answer.took);
        tally.expect(answer.status == 200, || {
            format!("silent Postgres at {SMS}: answered {}", answer.status)
        });
    }
    let replay = lab.start("spool-replay", Way::Direct).await?;
    let spooled = lab.drain().await?;
    lab.replay(&replay, spooled).await?;
    check::messages_are_stored(&lab, tally, "silent Postgres", &sids).await
}

/// `host:port` of the database, for gates of other suites.
pub(super) fn upstream(lab: &Lab<'_>) -> String {
    address(lab.fixture.database.url())
}
