//! The command line.

use devstack::stack::Ports;

/// The first of the four ports of a stack that stays up.
const FIRST_PORT: u16 = 8787;

pub(crate) const HELP: &str = "\
cargo dev: all of Ringspace on this machine: Postgres, the functions, a gateway, queues and a simulated carrier.
It plays the main job, step by step, then stays up until Ctrl-C, with curl lines to try.

  --once       end after the story: status 0, or 1 and what failed; takes free ports unless --port is given
  --no-story   only start, with one Pro workspace and its number
  --port N     listen on N (gateway), N+1 (carrier), N+2 (queues), N+3 (tokens); 8787 when not given
  --help       this

Environment
  DATABASE_URL         a Postgres server to use (a database of its own is made there, and dropped at the end)
  RINGSPACE_POSTGRES   system, npm or pip: where Postgres is taken from otherwise
  RUST_LOG             info, debug: shows the functions' own log as well
";

/// What is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Run(Arguments),
    Help,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) once: bool,
    pub(crate) story: bool,
    pub(crate) ports: Ports,
}

impl Arguments {
    pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Result<Wish, String> {
        let (mut once, mut story, mut first) = (false, true, None);
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (argument.clone(), None),
            };
            match (name.as_str(), value) {
                ("--once", None) => once = true,
                ("--no-story", None) => story = false,
                ("--help" | "-h", None) => return Ok(Wish::Help),
                ("--port", value) => {
                    let value = value.or_else(|| arguments.next()).unwrap_or_default();
                    let port = value.parse().ok().filter(|port| *port > 0).and_then(Ports::from);
                    first = Some(port.ok_or("--port takes a number from 1 to 65532")?);
                }
                _ => return Err(format!("what is `{argument}`?")),
            }
        }
        let ports = match first {
            Some(ports) => ports,
            None if once => Ports::default(),
            None => Ports::from(FIRST_PORT).unwrap_or_default(),
        };
        Ok(Wish::Run(Self { once, story, ports }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Wish, String> {
        Arguments::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn flags() {
        let Ok(Wish::Run(plain)) = read("") else { panic!() };
        assert!(!plain.once && plain.story && plain.ports.gateway == 8787 && plain.ports.issuer == 8790);
        let Ok(Wish::Run(once)) = read("--once") else {
            panic!()
        };
        assert!(once.once && once.ports == Ports::default());
        for line in ["--once --port 9100", "--port=9100 --once"] {
            let Ok(Wish::Run(both)) = read(line) else { panic!() };
            assert!(both.once && both.ports.queue == 9102, "{line}");
        }
        assert_eq!(read("--no-story --help"), Ok(Wish::Help));
        for bad in [
            "--port",
            "--port x",
            "--port 0",
            "--port 65535",
            "--twice",
            "--once=1",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
