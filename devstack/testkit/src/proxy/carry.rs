//! Carries the bytes of one connection, with the faults that are set at the moment.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::flights::Conversation;
use super::{Direction, Faults, State};

/// The connection is to end at once.
struct Broken;

/// Carries a connection to its end.
pub(super) async fn connection(mut client: TcpStream, state: Arc<State>) {
    let mut faults = state.faults.subscribe();
    let resets = faults.borrow_and_update().resets;
    let mut server = None;
    tokio::select! {
        () = pass(&mut client, &mut server, &state) => {}
        _ = faults.wait_for(|faults| faults.resets > resets) => {
            // Without lingering, closing a socket sends a reset.
            let _ = client.set_zero_linger();
            if let Some(server) = &server {
                let _ = server.set_zero_linger();
            }
        }
    }
}

async fn pass(client: &mut TcpStream, server: &mut Option<TcpStream>, state: &State) {
    let mut faults = state.faults.subscribe();
    if faults.wait_for(|faults| !faults.black_hole).await.is_err() {
        return;
    }
    let Ok(connected) = TcpStream::connect(&state.upstream).await else {
        return;
    };
    let server = server.insert(connected);
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let conversation = Mutex::new(Conversation::default());
    let (client_reads, client_writes) = client.split();
    let (server_reads, server_writes) = server.split();
    let _ = tokio::try_join!(
        pump(
            client_reads,
            server_writes,
            Direction::ToServer,
            state,
            &conversation
        ),
        pump(
            server_reads,
            client_writes,
            Direction::ToClient,
            state,
            &conversation
        ),
    );
}

/// Reading and writing are apart, so that a delay holds every byte back equally long however many are on their way.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    direction: Direction,
    state: &State,
    conversation: &Mutex<Conversation>,
) -> Result<(), Broken> {
    let (queue, mut queued) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let read = async move {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            match from.read(&mut buffer).await {
                Ok(0) => return Ok(()),
                Ok(count) => {
                    if queue.send((Instant::now(), buffer[..count].to_vec())).is_err() {
                        return Err(Broken);
                    }
                }
                Err(_) => return Err(Broken),
            }
        }
    };
    let write = async {
        let mut faults = state.faults.subscribe();
        while let Some((arrived, chunk)) = queued.recv().await {
            hold(&mut faults, arrived).await?;
            forward(&mut to, &chunk, direction, state, conversation).await?;
        }
        to.shutdown().await.map_err(|_| Broken)
    };
    tokio::try_join!(read, write).map(|_| ())
}

async fn hold(faults: &mut watch::Receiver<Faults>, arrived: Instant) -> Result<(), Broken> {
    let delay = faults
        .wait_for(|faults| !faults.black_hole)
        .await
        .map_err(|_| Broken)?
        .delay;
    if !delay.is_zero() {
        tokio::time::sleep_until(arrived + delay).await;
    }
    Ok(())
}

async fn forward(
    to: &mut WriteHalf<'_>,
    chunk: &[u8],
    direction: Direction,
    state: &State,
    conversation: &Mutex<Conversation>,
) -> Result<(), Broken> {
    let (passing, cut) = budget(chunk, direction, state);
    // Counted before it is sent: whoever has the answer finds it counted.
    {
        let mut counts = state.counts();
        match direction {
            Direction::ToServer => counts.bytes_to_server += passing.len() as u64,
            Direction::ToClient => counts.bytes_to_client += passing.len() as u64,
        }
        conversation
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .hear(direction, passing, &mut counts);
    }
    to.write_all(passing).await.map_err(|_| Broken)?;
    if cut { Err(Broken) } else { Ok(()) }
}

/// The part of a chunk that [`super::Proxy::cut_after`] lets pass, and whether the connection ends behind it.
fn budget<'a>(chunk: &'a [u8], direction: Direction, state: &State) -> (&'a [u8], bool) {
    let mut cut = state.cut();
    match &mut *cut {
        Some((cut_direction, left)) if *cut_direction == direction => {
            if (chunk.len() as u64) < *left {
                *left -= chunk.len() as u64;
                return (chunk, false);
            }
            let passing = &chunk[..*left as usize];
            *cut = None;
            (passing, true)
        }
        _ => (chunk, false),
    }
}
