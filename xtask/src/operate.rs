//! `cargo xtask api-key …`, `doctor`, `smoke`: what operators do by hand, in a program of its own, so that this one stays quick to build.

use crate::process;
use crate::workspace::Workspace;

/// Builds the program and hands it the words. Where no database is named, it is that of a running `cargo dev`.
pub fn run(workspace: &Workspace, arguments: &[&str]) -> Result<(), String> {
    process::quietly(&mut workspace.cargo(&["build", "--quiet", "-p", "operate"]))?;
    let mut program = workspace.command(workspace.target.join("debug").join("operate"));
    let is_named = |name: &str| std::env::var_os(name).is_some();
    let file = workspace.target.join("devstack").join("local.env");
    if !is_named("DATABASE_URL")
        && !is_named("APP_SECRET_ID")
        && let Ok(text) = std::fs::read_to_string(&file)
    {
        eprintln!("With the settings of `cargo dev`, from {}", file.display());
        program.envs(variables(&text));
    }
    process::quietly(program.args(arguments))
}

/// The variables of a `KEY=VALUE` file. `APP_URL` there is where `cargo lambda watch` listens; the stack's own, which its numbers
/// carry, is beside it.
fn variables(text: &str) -> Vec<(&str, &str)> {
    let pairs: Vec<(&str, &str)> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .collect();
    let stack = pairs.iter().find(|(name, _)| *name == "DEVSTACK_APP_URL");
    pairs
        .iter()
        .map(|(name, value)| match (*name, stack) {
            ("APP_URL", Some((_, url))) => ("APP_URL", *url),
            _ => (*name, *value),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stacks_own_url_counts() {
        let text =
            "# a file\nAPP_URL=http://127.0.0.1:9000\nX=a=b\n\nDEVSTACK_APP_URL=http://127.0.0.1:8787\n";
        assert_eq!(
            variables(text),
            [
                ("APP_URL", "http://127.0.0.1:8787"),
                ("X", "a=b"),
                ("DEVSTACK_APP_URL", "http://127.0.0.1:8787")
            ]
        );
    }
}
