//! Writes `events/`: `cargo run -p devstack --example events`. The files are a function of this code alone, so that running it
//! again changes nothing; a test compares them.

mod carrier;
mod catalogue;
mod clerk;
mod outbound;
mod queue;
mod reports;
mod schedule;
mod spool;
mod workspace_api;

use std::path::Path;
use std::{fs, io};

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events");
    for (name, text) in catalogue::files() {
        let file = root.join(&name);
        if let Some(directory) = file.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::write(file, text)?;
    }
    Ok(())
}
