//! Writes `docs/openapi.json`; a test compares it.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    std::fs::write(file, workspace_api::openapi::text())
}
