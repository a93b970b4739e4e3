//! `cargo dev`: all of Ringspace on this machine, and its main job played once.

mod arguments;
mod screen;
mod signs;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arguments::{Arguments, Wish};
use devstack::local_env::LocalEnv;
use devstack::stack::{Options, Signatures, Stack};
use devstack::story::{self, Workspace};
use screen::{progress, say};

/// The number that the deployment guide's curl line writes to.
const GUIDE_NUMBER: &str = "+14055551234";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = match Arguments::read(std::env::args().skip(1)) {
        Ok(Wish::Run(arguments)) => arguments,
        Ok(Wish::Help) => {
            say(arguments::HELP);
            return ExitCode::SUCCESS;
        }
        Err(reason) => {
            progress(&format!("cargo dev: {reason}\n\n{}", arguments::HELP));
            return ExitCode::from(2);
        }
    };
    if std::env::var_os("RUST_LOG").is_some() {
        common::telemetry::init();
    }
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            progress(&format!("\ncargo dev: {reason}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), String> {
    let began = Instant::now();
    let options = Options {
        ports: arguments.ports,
        redelivery_delay: Duration::from_secs(1),
        progress: Some(Arc::new(progress)),
        ..Options::default()
    };
    let stack = Stack::start(options).await.map_err(|error| error.to_string())?;
    let result = live(&stack, arguments, began).await;
    let ended = stack.shutdown().await.map_err(|error| error.to_string());
    result.and(ended)
}

/// The story, and what comes after it.
async fn live(stack: &Stack, arguments: &Arguments, began: Instant) -> Result<(), String> {
    let workspace = if arguments.story {
        let outcome = story::play(stack, &say).await.map_err(failed)?;
        say(&format!(
            "\nAll {} steps hold ({:.1} s from the first line).",
            outcome.steps,
            began.elapsed().as_secs_f64()
        ));
        outcome.workspace
    } else {
        story::prepare(stack).await.map_err(failed)?
    };
    if arguments.once {
        return Ok(());
    }
    stay(stack, &workspace).await
}

fn failed(failed: story::Failed) -> String {
    format!("the story failed at {failed}\n\n`cargo dev --no-story` starts everything without it.")
}

/// Until Ctrl-C, with signatures off so that a person can play the carrier.
async fn stay(stack: &Stack, workspace: &Workspace) -> Result<(), String> {
    let text = |error: devstack::stack::Error| error.to_string();
    stack.set_signatures(Signatures::Off).await.map_err(text)?;
    stack
        .lend_number(workspace.id, GUIDE_NUMBER)
        .await
        .map_err(text)?;
    let file = LocalEnv::write(stack).map_err(|error| format!("local.env cannot be written: {error}"))?;
    say(&signs::text(stack, workspace, file.path()));
    stack.observe(Some(Arc::new(|line: &str| {
        let now = jiff::Zoned::now().strftime("%H:%M:%S").to_string();
        say(&format!("{now}  {line}"));
    })));
    let schedules = stack.keep_schedules();
    screen::until_interrupted().await;
    drop(schedules);
    stack.observe(None);
    progress("\nEnding …");
    Ok(())
}
