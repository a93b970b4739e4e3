//! A TCP proxy in front of Postgres that counts what passes and breaks it on demand.
//!
//! Bytes go through unchanged, TLS included. On a plain connection the protocol is followed well enough to count
//! [`Counts::flights`], so that a test can say "one round trip" and mean it; see [`Counts`] for what is counted where.
//!
//! ```no_run
//! # async fn test(original: &str) -> Result<(), testkit::Error> {
//! let proxy = testkit::proxy::Proxy::start(original)?;
//! let url = proxy.url(original); // for the code under test
//! proxy.reset_counts();
//! // … one request …
//! assert_eq!(proxy.counts().flights, 1);
//! # Ok(())
//! # }
//! ```

mod carry;
mod flights;

use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};
use url::Url;

use crate::{Error, background, ports};

/// A way through the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to Postgres.
    ToServer,
    /// From Postgres to the client.
    ToClient,
}

/// What has passed since the start or the last [`Proxy::reset_counts`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections accepted.
    pub connections: u64,
    /// Connections that switched to TLS; nothing below `bytes_to_client` but `turns` is known of them.
    pub encrypted: u64,
    /// Bytes handed to Postgres.
    pub bytes_to_server: u64,
    /// Bytes handed to the client.
    pub bytes_to_client: u64,
    /// Round trips after the start-up of plain connections: requests that the client sent while it was waiting for no
    /// other answer. Pipelined requests share one. The `Close` of a prepared statement, which no client waits for, is none.
    pub flights: u64,
    /// Statements executed on plain connections: `Query` and `Execute` messages.
    pub statements: u64,
    /// How often the client's side spoke after the server's had, on any connection, start-up and TLS handshake included.
    pub turns: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Faults {
    black_hole: bool,
    delay: Duration,
    /// Raised by one for every reset.
    resets: u64,
}

#[derive(Debug)]
struct State {
    upstream: String,
    counts: Mutex<Counts>,
    faults: watch::Sender<Faults>,
    cut: Mutex<Option<(Direction, u64)>>,
    connections: Mutex<Vec<AbortHandle>>,
}

impl State {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cut(&self) -> MutexGuard<'_, Option<(Direction, u64)>> {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connections(&self) -> MutexGuard<'_, Vec<AbortHandle>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A proxy on a loopback port. Dropping it closes its port and its connections.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    state: Arc<State>,
    accepting: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Proxy {
    /// Listens for connections to `upstream`, a Postgres URL or `host:port`.
    pub fn start(upstream: &str) -> Result<Self, Error> {
        let port = ports::free()?;
        let (listener, _) = background::listen(port)?;
        let state = Arc::new(State {
            upstream: address(upstream)?,
            counts: Mutex::default(),
            faults: watch::Sender::new(Faults::default()),
            cut: Mutex::default(),
            connections: Mutex::default(),
        });
        let accepting = tokio::sync::Mutex::new(Some(accept(listener, Arc::clone(&state))));
        Ok(Self {
            port,
            state,
            accepting,
        })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The same URL, through this proxy.
    ///
    /// # Panics
    ///
    /// When `original` is not a URL.
    pub fn url(&self, original: &str) -> String {
        let mut url = Url::parse(original).expect("a database URL parses as a URL");
        url.set_host(Some("127.0.0.1"))
            .expect("a database URL has a host");
        url.set_port(Some(self.port)).expect("a database URL has a host");
        url.into()
    }

    /// What has passed so far.
    pub fn counts(&self) -> Counts {
        *self.state.counts()
    }

    /// Starts counting at zero; open connections stay open.
    pub fn reset_counts(&self) {
        *self.state.counts() = Counts::default();
    }

    /// Lets exactly `bytes` more bytes pass in one direction, on whichever connection, then closes the connection that
    /// carried the last of them. Happens once. `ToClient` with 0 loses an answer whose request has had its effect.
    pub fn cut_after(&self, bytes: u64, direction: Direction) {
        *self.state.cut() = Some((direction, bytes));
    }

    /// While on, connections open but nothing passes either way, and nobody is told; what is held back passes later.
    pub fn black_hole(&self, on: bool) {
        self.state.faults.send_modify(|faults| faults.black_hole = on);
    }

    /// Holds every byte back this long, each way, so that a round trip costs twice as much.
    pub fn delay(&self, delay: Duration) {
        self.state.faults.send_modify(|faults| faults.delay = delay);
    }

    /// Breaks every open connection with a TCP reset, on both sides.
    pub fn reset_all(&self) {
        self.state.faults.send_modify(|faults| faults.resets += 1);
    }

    /// While on, the port is closed and new connections are refused; open ones go on.
    pub async fn refuse(&self, on: bool) -> Result<(), Error> {
        let mut accepting = self.accepting.lock().await;
        match accepting.take() {
            Some(task) if on => {
                task.abort();
                // The port is closed when the task has let go of it.
                let _ = task.await;
            }
            None if !on => {
                let (listener, _) = background::listen(self.port)?;
                *accepting = Some(accept(listener, Arc::clone(&self.state)));
            }
            unchanged => *accepting = unchanged,
        }
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(task) = self.accepting.get_mut().take() {
            task.abort();
        }
        for connection in self.state.connections().drain(..) {
            connection.abort();
        }
    }
}

fn accept(listener: TcpListener, state: Arc<State>) -> JoinHandle<()> {
    background::handle().spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("the socket is non-blocking");
        while let Ok((client, _)) = listener.accept().await {
            state.counts().connections += 1;
            let connection = tokio::spawn(carry::connection(client, Arc::clone(&state))).abort_handle();
            let mut connections = state.connections();
            connections.retain(|connection| !connection.is_finished());
            connections.push(connection);
        }
    })
}

/// `host:port` of a Postgres URL, or the text itself.
fn address(upstream: &str) -> Result<String, Error> {
    if !upstream.contains("://") {
        return Ok(upstream.to_owned());
    }
    let url = Url::parse(upstream)
        .map_err(|error| Error::Failed(format!("the upstream URL cannot be read: {error}")))?;
    let host = url
        .host_str()
        .ok_or_else(|| Error::Failed("the upstream URL names no host".to_owned()))?;
    Ok(format!("{host}:{}", url.port().unwrap_or(5432)))
}
