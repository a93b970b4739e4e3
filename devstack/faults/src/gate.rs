//! A way through to Postgres or the carrier that can stop at any exchange.
//!
//! A function runs one thing at a time, so what it says to Postgres and to the carrier forms one row of *exchanges*: a request and
//! its answer. Its gates share a [`Script`], which numbers them from 1 and may hold one of them, before its request or before its
//! answer is passed on. What happens to the process meanwhile is up to the test.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Where an exchange is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The request was made and has not been passed on: it has no effect yet.
    Before,
    /// The answer is there and has not been passed on: the effect has happened, and the process does not know.
    After,
}

/// Both of them.
pub const MOMENTS: [Moment; 2] = [Moment::Before, Moment::After];

/// What else stands still while an exchange is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breadth {
    /// Its connection alone; others go on.
    Connection,
    /// Every connection, old and new: a black hole.
    Everything,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    Waiting,
    Pass,
    Drop,
}

#[derive(Debug, Default)]
struct Seen {
    names: Vec<String>,
    stop: Option<(usize, Moment, Breadth)>,
}

/// What the gates of one process share.
#[derive(Debug)]
pub struct Script {
    seen: Mutex<Seen>,
    reached: watch::Sender<bool>,
    hold: watch::Sender<Hold>,
}

impl Script {
    /// Passes everything on and counts.
    pub fn watching() -> Arc<Self> {
        Self::new(None)
    }

    /// Holds the exchange of that number.
    pub fn holding(exchange: usize, moment: Moment, breadth: Breadth) -> Arc<Self> {
        Self::new(Some((exchange, moment, breadth)))
    }

    fn new(stop: Option<(usize, Moment, Breadth)>) -> Arc<Self> {
        Arc::new(Self {
            seen: Mutex::new(Seen {
                names: Vec::new(),
                stop,
            }),
            reached: watch::Sender::new(false),
            hold: watch::Sender::new(Hold::Waiting),
        })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has been said so far: the statement's name, the request's path, or `connect`.
    pub fn names(&self) -> Vec<String> {
        self.seen().names.clone()
    }

    /// Begins to count anew, and to hold the exchange of that number from then on.
    pub fn hold_from_now(&self, exchange: usize, moment: Moment, breadth: Breadth) {
        let mut seen = self.seen();
        seen.names.clear();
        seen.stop = Some((exchange, moment, breadth));
        self.reached.send_replace(false);
    }

    /// Waits until the exchange is held.
    pub async fn reached(&self) {
        let _ = self.reached.subscribe().wait_for(|reached| *reached).await;
    }

    /// Whether it was.
    pub fn was_reached(&self) -> bool {
        *self.reached.borrow()
    }

    /// Passes on what is held.
    pub fn pass(&self) {
        self.hold.send_replace(Hold::Pass);
    }

    /// Throws away what is held, with its connections.
    pub fn drop_held(&self) {
        self.hold.send_replace(Hold::Drop);
    }

    fn begin(&self, request: &[u8]) -> usize {
        let mut seen = self.seen();
        seen.names.push(name_of(request));
        seen.names.len()
    }

    /// Waits where it has to; `false` when the connection is to end.
    async fn may_pass(&self, exchange: usize, moment: Moment) -> bool {
        let stop = self.seen().stop;
        let Some((at, when, breadth)) = stop else {
            return true;
        };
        let held_here = exchange == at && moment == when && !self.was_reached();
        if held_here {
            self.reached.send_replace(true);
        } else if !(self.was_reached() && breadth == Breadth::Everything) {
            return true;
        }
        let mut hold = self.hold.subscribe();
        matches!(
            hold.wait_for(|hold| *hold != Hold::Waiting).await.as_deref(),
            Ok(Hold::Pass)
        )
    }
}

fn name_of(request: &[u8]) -> String {
    let text = String::from_utf8_lossy(request);
    if let Some((_, rest)) = text.split_once("-- store::") {
        return rest.split_whitespace().next().unwrap_or("statement").to_owned();
    }
    let mut words = text.split([' ', '?']);
    match (words.next(), words.next()) {
        (Some(method @ ("GET" | "POST" | "DELETE" | "PUT")), Some(path)) => {
            format!("{method} {}", path.rsplit('/').next().unwrap_or_default())
        }
        _ => "connect".to_owned(),
    }
}

/// A loopback port that leads to `upstream`.
#[derive(Debug)]
pub struct Gate {
    port: u16,
    accepting: JoinHandle<()>,
}

impl Gate {
    /// Opens it, towards `host:port`.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn open(upstream: &str, script: &Arc<Script>) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let (upstream, script) = (upstream.to_owned(), Arc::clone(script));
        let accepting = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (upstream, script) = (upstream.clone(), Arc::clone(&script));
                connections.spawn(async move {
                    let _ = carry(client, &upstream, &script).await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { port, accepting })
    }

    /// The same URL, through this gate.
    pub fn url(&self, original: &str) -> String {
        let mut url = url::Url::parse(original).expect("the laboratory's own URLs are URLs");
        url.set_host(Some("127.0.0.1")).expect("it has a host");
        url.set_port(Some(self.port)).expect("it has a host");
        url.as_str().trim_end_matches('/').to_owned()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// `host:port` of a URL.
pub fn address(url: &str) -> String {
    let url = url::Url::parse(url).expect("the laboratory's own URLs are URLs");
    format!(
        "{}:{}",
        url.host_str().unwrap_or("127.0.0.1"),
        url.port().unwrap_or(5432)
    )
}

async fn carry(mut client: TcpStream, upstream: &str, script: &Script) -> std::io::Result<()> {
    let mut server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut up, mut down) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let (mut exchange, mut waiting) = (0, false);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let count = read?;
                if count == 0 {
                    return Ok(());
                }
                if !waiting {
                    exchange = script.begin(&up[..count]);
                    waiting = true;
                    if !script.may_pass(exchange, Moment::Before).await {
                        return Ok(());
                    }
                }
                server.write_all(&up[..count]).await?;
            }
            read = server.read(&mut down) => {
                let count = read?;
                if count == 0 {
                    return Ok(());
                }
                if waiting {
                    waiting = false;
                    if !script.may_pass(exchange, Moment::After).await {
                        return Ok(());
                    }
                }
                client.write_all(&down[..count]).await?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchanges_have_names() {
        assert_eq!(
            name_of(b"P\0\0\0\x20\0-- store::provisioning::lease_order\n-- Nobody"),
            "provisioning::lease_order"
        );
        assert_eq!(
            name_of(b"GET /api/laml/x/IncomingPhoneNumbers?PhoneNumber=%2B1 HTTP/1.1"),
            "GET IncomingPhoneNumbers"
        );
        assert_eq!(name_of(b"\0\0\0\x08\x04\xd2"), "connect");
    }
}
