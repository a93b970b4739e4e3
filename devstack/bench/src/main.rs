//! Measures the release binaries against the limits that Ringspace sets itself, each beside its yardstick and in one run, for
//! only figures of the same minutes on the same machine can be compared. `cargo xtask bench` builds and runs it.
//!
//! A missed limit is printed, not returned: on a busy machine timings say more about the machine.
#![allow(clippy::print_stdout, reason = "a command-line tool speaks on stdout")]

mod forged;
mod inbound;
mod outbound;
mod programs;
mod report;
mod sample;
mod start;
mod surroundings;
mod yardstick;

use programs::Programs;
use report::Report;
use std::process::ExitCode;
use std::time::Instant;
use surroundings::{Broken, Carrier};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Broken> {
    let begun = Instant::now();
    let programs = Programs::find(std::env::args().skip(1))?;
    let carrier = Carrier::start().await?;
    let mut report = Report::default();
    println!("\n== warm inbound webhooks");
    inbound::run(&programs, &carrier, &mut report).await?;
    println!("\n== cold starts and memory");
    start::run(&programs, &carrier, &mut report).await?;
    println!("\n== forged requests");
    forged::run(&programs, &carrier, &mut report).await?;
    println!("\n== outbound");
    outbound::run(&programs, &carrier, &mut report).await?;
    println!("\n== size");
    programs.weigh(&mut report);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("\n{}", report.to_markdown());
    println!(
        "Times in ms: median (least … most), unless p10 and p90 are given. {} s; load at the end {load}",
        begun.elapsed().as_secs()
    );
    Ok(())
}
