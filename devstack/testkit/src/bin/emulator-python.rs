//! Prints the Python of the AWS emulator's environment, installed first if need be: `cargo xtask rehearse` runs its scripts there, so
//! that tests and rehearsal share one installation and one version.
#![allow(clippy::print_stdout, reason = "its output is its result")]

use std::process::ExitCode;

fn main() -> ExitCode {
    match testkit::aws::python() {
        Ok(python) => {
            println!("{}", python.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
