//! `faults [SUITE…] [--seed N] [--count N] [--quick] [--debug] [--as-built]`: runs suites and prints a table.
#![allow(clippy::print_stdout, reason = "a command-line tool speaks on stdout")]

use faults::{Broken, Programs, Scale, Suite, Tally};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

struct Arguments {
    suites: Vec<Suite>,
    scale: Scale,
    is_release: bool,
    is_built: bool,
}

fn read(mut arguments: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let clock = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(1, |now| now.as_secs());
    let (mut suites, mut scale, mut is_release, mut is_built) = (Vec::new(), Scale::full(clock), true, false);
    while let Some(argument) = arguments.next() {
        let mut number = |name: &str| {
            let text = arguments
                .next()
                .ok_or_else(|| format!("`{name}` wants a number"))?;
            text.parse::<u64>()
                .map_err(|_| format!("`{name}` wants a number, not `{text}`"))
        };
        match argument.as_str() {
            "--seed" => scale.seed = number("--seed")?,
            "--count" => scale.histories = u32::try_from(number("--count")?).unwrap_or(u32::MAX),
            "--quick" => {
                scale = Scale {
                    seed: scale.seed,
                    ..Scale::QUICK
                }
            }
            "--debug" => is_release = false,
            "--as-built" => is_built = true,
            name => suites.push(name.parse()?),
        }
    }
    if suites.is_empty() {
        suites.extend(Suite::ALL);
    }
    Ok(Arguments {
        suites,
        scale,
        is_release,
        is_built,
    })
}

async fn run(arguments: Arguments) -> Result<bool, Broken> {
    let programs = if arguments.is_built {
        Programs::find(arguments.is_release)?
    } else {
        Programs::build(arguments.is_release)?
    };
    let tally = Tally::new(true);
    println!(
        "seed {}, every {} cut point(s), {} histories",
        arguments.scale.seed, arguments.scale.stride, arguments.scale.histories
    );
    for suite in arguments.suites {
        faults::run(suite, &programs, &tally, arguments.scale).await?;
    }
    println!("\n{tally}");
    Ok(tally.violations().is_empty())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = match read(std::env::args().skip(1)) {
        Ok(arguments) => run(arguments).await,
        Err(message) => Err(message.into()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
