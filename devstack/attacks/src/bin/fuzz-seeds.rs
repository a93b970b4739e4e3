//! Writes the fuzzer's seeds: `cargo run -p attacks --bin fuzz-seeds -- devstack/fuzz/corpus`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory] = arguments.as_slice() else {
        eprintln!("usage: fuzz-seeds DIRECTORY");
        return ExitCode::FAILURE;
    };
    match attacks::seeds::write(Path::new(directory)) {
        Ok(count) => {
            eprintln!("{count} seeds in {directory}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
